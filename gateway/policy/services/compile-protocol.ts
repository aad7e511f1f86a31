import type { DocumentPath } from '../../config/problem.ts'
import type { ServiceProtocol } from '../../upstream/service-protocol.ts'
import type { ReportProblem } from '../report-problem.ts'
import type { ServiceEntry } from './service-entry.ts'

const schemes = { h2: 'https', h2c: 'http' } as const

/**
 * Compiles `protocol` of a service (HTTP/1.1, h2 or h2c towards its upstreams). @param service  path of the service in
 * the policy
 */
export function compileProtocol(
  { protocol, upstreams, routes, grpc }: Pick<ServiceEntry, 'protocol' | 'upstreams' | 'routes' | 'grpc'>,
  service: DocumentPath,
  report: ReportProblem,
): ServiceProtocol {
  if (protocol === 'http1') {
    const hint = 'set protocol: h2 (https upstreams) or h2c (http upstreams) of the service'
    if (grpc !== undefined) {
      const message = 'the service has grpc, but protocol http1; gRPC needs HTTP/2'
      report('GH_POLICY_UPSTREAM_PROTOCOL', message, [...service, 'grpc'], hint)
    }
    for (const [i, { id, match, grpc: ofRoute }] of routes.entries()) {
      if (match.grpc === undefined && ofRoute === undefined) continue
      const [key, what] =
        match.grpc === undefined ? [['grpc'], 'has grpc'] : [['match', 'grpc'], 'matches a gRPC method']
      const message = `route ${id} ${what}, but its service has protocol http1; gRPC needs HTTP/2`
      report('GH_POLICY_UPSTREAM_PROTOCOL', message, [...service, 'routes', i, ...key], hint)
    }
    return protocol
  }
  const scheme = schemes[protocol]
  for (const { protocol: given, origin } of upstreams.map(({ url }) => url)) {
    if (given === `${scheme}:`) continue
    const other = protocol === 'h2' ? 'h2c' : 'h2'
    const message = `protocol ${protocol} needs upstreams with ${scheme}://, but ${origin} is not`
    report(
      'GH_POLICY_UPSTREAM_PROTOCOL',
      message,
      [...service, 'protocol'],
      `set protocol: ${other}, or change the upstream`,
    )
  }
  for (const [i, { id, websocket }] of routes.entries()) {
    if (websocket === undefined) continue
    const message = `route ${id} has websocket, but its service has protocol ${protocol}; WebSockets need HTTP/1.1`
    const hint = 'move the route to a service with protocol: http1'
    report('GH_POLICY_UPSTREAM_PROTOCOL', message, [...service, 'routes', i, 'websocket'], hint)
  }
  return protocol
}
