import { loopbackCookie } from '../../gateway/sessions/session-cookie.ts'

/**
 * Maximum number of attempts of one login when the gate replies 503: on a busy machine, calls to Redis or the issuer
 * can time out.
 */
const TRIES = 5

interface Visit {
  readonly status: number
  /** Value of `Location` in the reply; `''` when the reply is no redirect. */
  readonly next: string
  /** Cookies that the reply sets, as `NAME=VALUE`. */
  readonly cookies: readonly string[]
}

/**
 * Logs a user in at the gate, as a browser does: follows the redirect to the issuer, and the redirect back with a code.
 *
 * @returns the session cookie as `NAME=VALUE`, for the field `Cookie`
 * @throws {Error} when the login ends without a session cookie
 */
export async function logIn(gatePort: number, person: number): Promise<string> {
  let last: Visit | undefined
  for (let tries = 0; tries < TRIES; tries++) {
    last = await walk(gatePort, person)
    const session = last.cookies.find((cookie) => cookie.startsWith(`${loopbackCookie.name}=`))
    if (session !== undefined) return session
    if (last.status !== 503) break
  }
  throw new Error(`a login ended with status ${last?.status} and no session`)
}

/**
 * Follows the redirects of one login. @returns the reply of the gate to the code, or an earlier reply that is no
 * redirect
 */
async function walk(gatePort: number, person: number): Promise<Visit> {
  const begun = await visit(`http://127.0.0.1:${gatePort}/.gatehouse/login?return_to=/`)
  if (begun.next === '') return begun
  const allowed = await visit(`${begun.next}&person=${person}`)
  return allowed.next === '' ? allowed : visit(allowed.next, begun.cookies)
}

async function visit(url: string, cookies: readonly string[] = []): Promise<Visit> {
  const reply = await fetch(url, { redirect: 'manual', headers: { cookie: cookies.join('; ') } })
  await reply.body?.cancel()
  return {
    status: reply.status,
    next: reply.headers.get('location') ?? '',
    cookies: reply.headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0]!),
  }
}
