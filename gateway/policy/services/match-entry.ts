import { z } from 'zod'
import { forwardedMethods } from '../../base/methods.ts'
import { text } from '../../config/text-schemas.ts'

/** Matches the name of a gRPC method: its service with its package, then the method or `*`. */
const grpcName = /^(?:[A-Za-z_][A-Za-z0-9_]*\.)*[A-Za-z_][A-Za-z0-9_]*\/(?:[A-Za-z_][A-Za-z0-9_]*|\*)$/

/** Schema of `match` of a route. */
export const matchEntry = z
  .strictObject({
    host: z
      .string()
      .max(255)
      .optional()
      .describe(
        'Host in lower case, without a port. `*.example` matches exactly one label before `.example`. Default: every ' +
          'host.',
      ),
    path: z
      .string()
      .max(2048)
      .optional()
      .describe(
        'Path pattern in normal form, case-sensitive. `*` matches one whole segment, `**` zero or more segments and ' +
          'only at the end. Required, unless the route has `grpc`.',
      ),
    grpc: text('package.Service/Method, or package.Service/* for every method of the service', grpcName)
      .max(2000)
      .optional()
      .describe(
        'Instead of `path`: the gRPC method `package.Service/Method`, or `package.Service/*` for every method of the ' +
          'service. Matches the path `/package.Service/Method` and the method POST.',
      ),
    methods: z
      .array(z.enum(forwardedMethods))
      .min(1)
      .optional()
      .describe(
        'Methods; GET includes HEAD. Default: every method that the gate forwards. Not with `grpc`, which is always ' +
          'POST.',
      ),
    fall_through: z
      .boolean()
      .prefault(false)
      .describe(
        'Whether a less literal path or host may match requests with other methods. Default false: requests with other ' +
          'methods get 405. With true a weaker route can admit them; the status of the node lists it as a relaxation. ' +
          'Routes of one host and path must have the same value.',
      ),
  })
  .refine(({ path, grpc }) => path !== undefined || grpc !== undefined, { error: 'must have path or grpc' })
  .refine(({ path, grpc }) => path === undefined || grpc === undefined, {
    error: 'must have either path or grpc, not both',
  })
  .refine(({ grpc, methods }) => grpc === undefined || methods === undefined, {
    error: 'must have no methods beside grpc: every gRPC call is a POST',
  })

export type MatchEntry = z.output<typeof matchEntry>

/** Returns the path pattern of a route. For a gRPC method, this is the path of its calls. */
export function matchedPath({ path, grpc }: MatchEntry): string {
  return path ?? `/${grpc}`
}

/** Returns the methods that a route matches, without HEAD. */
export function matchedMethods({ grpc, methods }: MatchEntry): readonly string[] {
  return grpc === undefined ? (methods ?? forwardedMethods) : ['POST']
}
