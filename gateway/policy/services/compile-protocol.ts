import type { DocumentPath } from '../../config/problem.ts'
import type { ServiceProtocol } from '../../upstream/service-protocol.ts'
import type { ReportProblem } from '../report-problem.ts'
import type { ServiceEntry } from './service-entry.ts'

const schemes = { h2: 'https', h2c: 'http' } as const

/** Compiles `protocol` of a service. @param service  path of the service in the policy */
export function compileProtocol(
  { protocol, upstreams, routes }: Pick<ServiceEntry, 'protocol' | 'upstreams' | 'routes'>,
  service: DocumentPath,
  report: ReportProblem,
): ServiceProtocol {
  if (protocol === 'http1') {
    for (const [i, { id, match }] of routes.entries()) {
      if (match.grpc === undefined) continue
      const message = `route ${id} matches a gRPC method, but its service has protocol http1; gRPC needs HTTP/2`
      const hint = 'set protocol: h2 (https upstreams) or h2c (http upstreams) of the service'
      report('GH_POLICY_UPSTREAM_PROTOCOL', message, [...service, 'routes', i, 'match', 'grpc'], hint)
    }
    return protocol
  }
  const scheme = schemes[protocol]
  for (const { protocol: given, origin } of upstreams) {
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
