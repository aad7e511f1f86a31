import { loopbackCookie } from '../../gateway/sessions/session-cookie.ts'

/** How often a login is begun where the gate says 503: on a busy machine Redis or the issuer can miss a deadline. */
const TRIES = 5

interface Visit {
  readonly status: number
  /** Where it leads on; `''`: nowhere. */
  readonly next: string
  /** `NAME=VALUE` each. */
  readonly cookies: readonly string[]
}

/**
 * Logs a person in at a gate, as a browser does: from the gate to the issuer, and back with a code.
 *
 * @returns the cookie of the session, as a value of `Cookie`
 * @throws {Error} when that leads to no session
 */
export async function logIn(gatePort: number, person: number): Promise<string> {
  let last: Visit | undefined
  for (let tries = 0; tries < TRIES; tries++) {
    last = await walk(gatePort, person)
    const session = last.cookies.find((cookie) => cookie.startsWith(`${loopbackCookie.name}=`))
    if (session !== undefined) return session
    if (last.status !== 503) break
  }
  throw new Error(`a login came to ${last?.status} and no session`)
}

/** @returns the last visit: the one that gives the session, or that does not lead on */
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
