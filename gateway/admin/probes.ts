import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the probes tell. Read at each request. */
export interface NodeState {
  /** The node has come up: settings and policy held, the listener is open. */
  readonly started: boolean
  /** The node takes traffic. False again as soon as it is asked to stop. */
  readonly ready: boolean
}

export interface AdminOptions {
  /** `undefined`: every address of the machine. */
  readonly host: string | undefined
  /** 0: any free port. */
  readonly port: number
  /** Hosts beside the loopback ones under which the listener may be addressed. */
  readonly hosts: readonly string[]
}

/** The admin plane: liveness, readiness and start-up probes, for orchestrators and balancers. */
export class AdminListener {
  readonly #server: Server
  readonly port: number

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  /** @throws {Error} when the address cannot be listened on */
  static async listen(state: NodeState, options: AdminOptions): Promise<AdminListener> {
    const hosts = new Set(options.hosts.map((host) => host.toLowerCase()))
    const server = createServer((request, response) => answer(state, hosts, request, response))
    server.headersTimeout = 10_000
    server.requestTimeout = 10_000
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options.port, options.host, resolve)
    })
    return new AdminListener(server)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const paths = new Set(['/livez', '/readyz', '/startupz'])

function answer(
  state: NodeState,
  hosts: ReadonlySet<string>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  request.resume()
  const [status, text] = judge(state, hosts, request)
  if (status === 405) response.setHeader('allow', 'GET, HEAD')
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
  response.end(`${text}\n`)
}

function judge(state: NodeState, hosts: ReadonlySet<string>, request: IncomingMessage): [status: number, text: string] {
  // A page of another site may make a browser call a loopback address by a name of its own (DNS rebinding).
  if (!isOwnHost(request.headers.host ?? '', hosts)) return [421, 'misdirected request']
  const path = (request.url ?? '').split('?', 1)[0]!
  if (!paths.has(path)) return [404, 'not found']
  if (request.method !== 'GET' && request.method !== 'HEAD') return [405, 'method not allowed']
  if (path === '/livez') return [200, 'alive']
  if (path === '/startupz') return state.started ? [200, 'started'] : [503, 'starting']
  return state.ready ? [200, 'ready'] : [503, 'not ready']
}

function isOwnHost(field: string, hosts: ReadonlySet<string>): boolean {
  const name = field.replace(/:\d*$/, '').toLowerCase()
  if (name === 'localhost' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name)) return true
  return hosts.has(name) || hosts.has(field.toLowerCase())
}
