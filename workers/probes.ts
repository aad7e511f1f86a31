import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

interface State {
  /** Settings and policy held, and Redis has been reached once. */
  readonly started: boolean
  /** Jobs are taken. */
  readonly ready: boolean
}

/** /livez, /readyz and /startupz of a worker, under any Host: they tell nothing else. */
export class WorkerProbes {
  readonly #server: Server
  readonly port: number

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  /** @throws {Error} when the address cannot be listened on */
  static async listen(state: State, address: { host: string | undefined; port: number }): Promise<WorkerProbes> {
    const server = createServer((request, response) => {
      request.resume()
      const [status, text] = answer(state, request.method ?? '', (request.url ?? '').split('?', 1)[0]!)
      if (status === 405) response.setHeader('allow', 'GET, HEAD')
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
      response.end(`${text}\n`)
    })
    server.headersTimeout = 10_000
    server.requestTimeout = 10_000
    server.maxConnections = 64
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(address.port, address.host, resolve)
    })
    return new WorkerProbes(server)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

function answer(state: State, method: string, path: string): [status: number, text: string] {
  const known = path === '/livez' || path === '/readyz' || path === '/startupz'
  if (!known) return [404, 'not found']
  if (method !== 'GET' && method !== 'HEAD') return [405, 'method not allowed']
  if (path === '/livez') return [200, 'alive']
  if (path === '/startupz') return state.started ? [200, 'started'] : [503, 'starting']
  return state.ready ? [200, 'ready'] : [503, 'not ready']
}
