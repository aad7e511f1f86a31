import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ListenError } from '../gateway/base/listen-error.ts'
import { metricsContentType } from '../gateway/telemetry/metrics.ts'

interface State {
  /** Settings and policy held, and Redis has been reached once. */
  readonly started: boolean
  /** Jobs are taken. */
  readonly ready: boolean
  /** In the format of Prometheus. */
  metrics(): Promise<string>
}

/** /livez, /readyz, /startupz and /metrics of a worker, under any Host: they tell nothing else. */
export class WorkerProbes {
  readonly #server: Server
  readonly port: number

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  /** @throws {ListenError} when the address cannot be listened on */
  static async listen(state: State, address: { host: string | undefined; port: number }): Promise<WorkerProbes> {
    const server = createServer(async (request, response) => {
      request.resume()
      const path = (request.url ?? '').split('?', 1)[0]!
      const [status, text] = await answer(state, request.method ?? '', path)
      if (status === 405) response.setHeader('allow', 'GET, HEAD')
      const type = path === '/metrics' && status === 200 ? metricsContentType : 'text/plain; charset=utf-8'
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
      response.end(text)
    })
    server.headersTimeout = 10_000
    server.requestTimeout = 10_000
    server.maxConnections = 64
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(ListenError.of('probes.listen', address, cause)))
      server.listen(address.port, address.host, resolve)
    })
    return new WorkerProbes(server)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

async function answer(state: State, method: string, path: string): Promise<[status: number, text: string]> {
  const known = path === '/livez' || path === '/readyz' || path === '/startupz' || path === '/metrics'
  if (!known) return [404, 'not found\n']
  if (method !== 'GET' && method !== 'HEAD') return [405, 'method not allowed\n']
  if (path === '/metrics') return [200, await state.metrics()]
  if (path === '/livez') return [200, 'alive\n']
  if (path === '/startupz') return state.started ? [200, 'started\n'] : [503, 'starting\n']
  return state.ready ? [200, 'ready\n'] : [503, 'not ready\n']
}
