import { Http1Target } from './http1-target.ts'
import { Http2Target } from './http2/http2-target.ts'
import type { ServiceProtocol } from './service-protocol.ts'
import type { PooledTarget, TargetParts } from './target.ts'

/** Creates a pool of connections to an upstream, in the protocol of its service. Opens no connection. */
export function openTarget(
  origin: URL,
  protocol: ServiceProtocol | undefined,
  connectMs: number,
  maxCalls: number,
  parts: TargetParts,
): PooledTarget {
  const Target = (protocol ?? 'http1') === 'http1' ? Http1Target : Http2Target
  return new Target(origin, connectMs, maxCalls, parts)
}
