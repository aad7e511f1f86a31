import { callAdmin, documentOf } from './admin-call.ts'
import { DemoNotRunning, requestTokens } from './grants.ts'
import { loopback, type Ports } from './ports.ts'

/** Link that logs a browser of this machine in to the console of the first node, once. */
export interface ConsoleLink {
  readonly url: string
  /** Time until which the link can be used, RFC 3339. */
  readonly expires_at: string
}

/**
 * Makes a one-time link to the console, with the rights of the demo client `ops`. The secret is in the fragment, which
 * browsers do not send: the page exchanges it for a session.
 *
 * @throws {DemoNotRunning} when the issuer or the first node does not answer
 */
export async function consoleLink(ports: Ports): Promise<ConsoleLink> {
  const [port] = ports.admin
  const { accessToken: token } = await requestTokens(ports, { client: 'ops' })
  const reply = await callAdmin({ port, method: 'POST', target: '/console/links', token }).catch((cause) => {
    throw new DemoNotRunning(`the demo is not running: no node of it answers at ${loopback(port)}`, { cause })
  })
  const { link, expires_at } = documentOf(reply)
  if (reply.status !== 200) throw new Error(`node-1 makes no link to the console: ${reply.body.toString().trim()}`)
  return { url: `${loopback(port)}/#link=${String(link)}`, expires_at: String(expires_at) }
}
