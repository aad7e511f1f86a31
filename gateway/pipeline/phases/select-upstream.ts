import { denial } from '../../base/denial.ts'
import type { Credentialed, Matched, Selected } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'

const grpcUpstream = denial('grpc-upstream')

/** Selects the upstream for the request. Denies 501 for gRPC on a route that takes no gRPC calls. */
export const selectUpstream = phase<Credentialed, Selected>()({
  name: 'select-upstream',
  waits: false,
  denies: ['grpc-upstream'],
  run(x) {
    const refusal = refuseGrpc(x)
    if (refusal !== undefined) return refusal
    x.target = x.runtime.balancers[x.route.service.index]!.next()
    return undefined
  },
})

/** Denies 501 for gRPC on a route that takes no gRPC calls. */
export function refuseGrpc({ head, route }: Matched): typeof grpcUpstream | undefined {
  return head.grpc && route.grpcMessageMaxBytes === undefined ? grpcUpstream : undefined
}
