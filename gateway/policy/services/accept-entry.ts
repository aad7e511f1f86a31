import { z } from 'zod'
import { entryName } from '../../config/entry-name.ts'
import { resourceUrl } from '../../config/resource-url.ts'
import { scopeName } from '../../config/scope-name.ts'

const schemes = ['bearer', 'basic'] as const

/** Schema of `accept` of a service or a route: the schemes of `Authorization` with which a caller may authenticate. */
export const acceptEntry = z.array(z.enum(schemes, { error: `must be one of ${schemes.join(', ')}` })).min(1)

/** Schema of `basic` of a service or a route: how the gate gets a token for a caller with a client id and secret. */
export const basicEntry = z.strictObject({
  issuer: entryName
    .optional()
    .describe('Issuer at which the callers are clients. Optional when the service has exactly one issuer.'),
  scopes: z
    .array(scopeName)
    .min(1)
    .describe('Scopes that the gate requests for every caller. The caller cannot choose them.'),
  resource: z
    .array(resourceUrl)
    .prefault([])
    .describe('Resources for which the token is requested (RFC 8707). Default []: the issuer decides.'),
  client_auth: z
    .enum(['client_secret_basic', 'client_secret_post'])
    .prefault('client_secret_basic')
    .describe("How the gate sends the caller's id and secret to the issuer. Default client_secret_basic."),
})

export type AcceptEntry = z.output<typeof acceptEntry>
export type BasicEntry = z.output<typeof basicEntry>
