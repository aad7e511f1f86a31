import { z } from 'zod'
import { size } from '../../config/text-schemas.ts'

/** Schema of `grpc` of a service or route: limits of gRPC calls. */
export const grpcEntry = z.strictObject({
  max_message: size({ min: '1B', max: '1GiB' })
    .prefault('4MiB')
    .describe(
      'Maximum size of each message that a client sends in a gRPC call, as on the wire. Default 4MiB, 1B to 1GiB. A ' +
        'larger message ends the call with RESOURCE_EXHAUSTED before the service gets it. `body.max` does not apply to ' +
        'gRPC calls. Messages of the service are not limited: the client has its own limit.',
    ),
})

export type GrpcEntry = z.infer<typeof grpcEntry>

/**
 * Returns the limits of gRPC calls on a route; `undefined` when the route does not take gRPC calls. A route takes gRPC
 * calls only if the policy says so, not by the content type of a request. Otherwise a client could choose whether
 * `body.max` of the route applies.
 */
export function grpcTerms(
  { grpc, match }: { readonly grpc?: GrpcEntry | undefined; readonly match: { readonly grpc?: string | undefined } },
  ofService: GrpcEntry | undefined,
): GrpcEntry | undefined {
  return grpc ?? ofService ?? (match.grpc === undefined ? undefined : grpcEntry.parse({}))
}
