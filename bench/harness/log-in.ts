import { loopbackCookie } from '../../gateway/sessions/session-cookie.ts'

/**
 * Logs a person in at a gate, as a browser does: from the gate to the issuer, and back with a code.
 *
 * @returns the cookie of the session, as a value of `Cookie`
 * @throws {Error} when a step does not lead on
 */
export async function logIn(gatePort: number, person: number): Promise<string> {
  const begun = await visit(`http://127.0.0.1:${gatePort}/.gatehouse/login?return_to=/`)
  const allowed = await visit(`${begun.next}&person=${person}`)
  const { cookies } = await visit(allowed.next, begun.cookies)
  const session = cookies.find((cookie) => cookie.startsWith(`${loopbackCookie.name}=`))
  if (session === undefined) throw new Error('the gate gave no session')
  return session
}

async function visit(url: string, cookies: readonly string[] = []): Promise<{ next: string; cookies: string[] }> {
  const reply = await fetch(url, { redirect: 'manual', headers: { cookie: cookies.join('; ') } })
  const next = reply.headers.get('location')
  if (next === null) throw new Error(`a login came to ${reply.status}: ${await reply.text()}`)
  await reply.body?.cancel()
  return { next, cookies: reply.headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0]!) }
}
