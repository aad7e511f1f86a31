import type { IncomingMessage } from 'node:http'
import type { ListenAddress } from '../gateway/config/listen-address.ts'
import { type PlainReply, PlainServer, textReply } from '../gateway/probes/plain-server.ts'
import { metricsContentType } from '../gateway/telemetry/metrics.ts'

interface State {
  /** True once settings and policy are valid and Redis has replied. */
  readonly started: boolean
  /** True while the worker accepts jobs. */
  readonly ready: boolean
  /** Metrics in the Prometheus text format. */
  metrics(): Promise<string>
}

/**
 * Serves /livez, /readyz, /startupz and /metrics of a worker, for every value of the field `Host`. Replies 404 for all
 * other paths.
 *
 * @throws {ListenError} when the address cannot be bound
 */
export function listenWorkerProbes(state: State, address: ListenAddress): Promise<PlainServer> {
  return PlainServer.listen('probes.listen', address, (request) => answer(state, request))
}

async function answer(state: State, { method, url = '' }: IncomingMessage): Promise<PlainReply> {
  const path = url.split('?', 1)[0]!
  const known = path === '/livez' || path === '/readyz' || path === '/startupz' || path === '/metrics'
  if (!known) return textReply(404, 'not found')
  if (method !== 'GET' && method !== 'HEAD') return textReply(405, 'method not allowed', { allow: 'GET, HEAD' })
  if (path === '/metrics') return { status: 200, type: metricsContentType, body: await state.metrics() }
  if (path === '/livez') return textReply(200, 'alive')
  if (path === '/startupz') return state.started ? textReply(200, 'started') : textReply(503, 'starting')
  return state.ready ? textReply(200, 'ready') : textReply(503, 'not ready')
}
