import type { IncomingMessage } from 'node:http'
import { type PlainReply, textReply } from '../probes/plain-server.ts'
import { metricsContentType } from '../telemetry/metrics.ts'

/** State of the node that the probes report. Each request reads the current values. */
export interface NodeState {
  /** True once settings and policy of the node are valid and its listener is open. */
  readonly started: boolean
  /** True while the node accepts traffic. The value becomes false as soon as the node is asked to stop. */
  readonly ready: boolean
}

export interface ProbeSources {
  readonly state: NodeState
  readonly metrics: { text(): string }
}

type Probe = (sources: ProbeSources) => PlainReply

const probes: ReadonlyMap<string, Probe> = new Map<string, Probe>([
  ['/livez', () => textReply(200, 'alive')],
  ['/startupz', ({ state }) => (state.started ? textReply(200, 'started') : textReply(503, 'starting'))],
  ['/readyz', ({ state }) => (state.ready ? textReply(200, 'ready') : textReply(503, 'not ready'))],
  ['/metrics', ({ metrics }) => ({ status: 200, type: metricsContentType, body: metrics.text() })],
])

/**
 * Replies to requests that need no token: liveness, start-up, readiness and metrics. @returns `undefined` for other
 * paths
 */
export function answerProbe(sources: ProbeSources, { method, url = '' }: IncomingMessage): PlainReply | undefined {
  const probe = probes.get(url.split('?', 1)[0]!)
  if (probe === undefined) return undefined
  if (method !== 'GET' && method !== 'HEAD') return textReply(405, 'method not allowed', { allow: 'GET, HEAD' })
  return probe(sources)
}
