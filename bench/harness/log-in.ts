import { loopbackCookie } from '../../gateway/sessions/session-cookie.ts'

/** Attempts of a login if the gate answers 503: on a busy machine, Redis or the issuer can miss a deadline. */
const TRIES = 5

interface Visit {
  readonly status: number
  /** Target of the redirect; `''`: none. */
  readonly next: string
  /** Cookies as `NAME=VALUE`. */
  readonly cookies: readonly string[]
}

/**
 * Logs a user in at a gate like a browser: from the gate to the issuer, and back with a code.
 *
 * @returns the cookie of the session, as a value of `Cookie`
 * @throws {Error} when the login does not create a session
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

/** @returns the last reply: the one with the session, or one without a redirect */
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
