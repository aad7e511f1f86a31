import type { DemoReply } from '../http-call.ts'
import { expectEqual, expectTrue } from './expect.ts'

export interface ExpectedRefusal {
  readonly status: number
  /** Value of the member `code` in the problem document (RFC 9457). */
  readonly code: string
  /** Parameters of the Bearer challenge without `resource_metadata`; `undefined`: the reply must have no challenge. */
  readonly challenge?: Readonly<Record<string, string>>
  /** True when a DPoP challenge (RFC 9449 §7.1) must follow the Bearer challenge. Default false. */
  readonly dpop?: boolean
}

/**
 * Checks the reply of a request that the gate refused: status, challenge and problem document.
 *
 * @param gate  public URL of the gate
 * @returns the id of the exchange; `undefined` for HEAD, whose reply has no document
 * @throws {Error} with the expected and the actual value
 */
export function expectRefusal(
  what: string,
  reply: DemoReply,
  { status, code, challenge, dpop = false }: ExpectedRefusal,
  { method, target }: { method: string; target: string },
  gate: string,
): string | undefined {
  expectEqual(`status of ${what}`, reply.status, status)
  const metadata = `${gate}/.well-known/oauth-protected-resource${target.split('?')[0]}`
  const expected = challenge === undefined ? undefined : { ...challenge, resource_metadata: metadata }
  expectEqual(`WWW-Authenticate of ${what}`, challengeOf(reply, dpop), expected)
  if (method === 'HEAD') {
    expectEqual(`bytes in the reply to ${what}`, reply.body.length, 0)
    return undefined
  }
  expectEqual(`Content-Type of the refusal of ${what}`, reply.field('content-type'), 'application/problem+json')
  const problem = JSON.parse(reply.body.toString()) as Readonly<Record<string, unknown>>
  expectEqual(`problem document of ${what}`, [problem.status, problem.code], [status, code])
  for (const member of ['type', 'title', 'instance']) {
    const value = problem[member]
    expectTrue(`${member} in the problem document of ${what}`, typeof value === 'string' && value !== '')
  }
  return String(problem.instance)
}

/**
 * Returns the parameters of a Bearer challenge (RFC 6750 §3); `undefined` when the reply has no challenge.
 *
 * @param dpop  whether a DPoP challenge must follow
 */
function challengeOf(reply: DemoReply, dpop: boolean): Readonly<Record<string, string>> | undefined {
  const [field, ...others] = reply.all('www-authenticate')
  if (field === undefined) return undefined
  expectTrue('the first challenge in WWW-Authenticate is of the scheme Bearer', field.startsWith('Bearer '))
  const schemes = others.map((other) => other.split(' ', 1)[0])
  expectEqual('schemes of the other challenges in WWW-Authenticate', schemes, dpop ? ['DPoP'] : [])
  return Object.fromEntries([...field.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))
}
