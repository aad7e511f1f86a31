import { z } from 'zod'
import { keyedIssuerEntry } from '../../config/keyed-issuer-entry.ts'
import { duration } from '../../config/text-schemas.ts'
import { introspectionEntry } from './introspection-entry.ts'
import { loginEntry } from './login-entry.ts'

/** Schema of an entry under `issuers`: an authorization server, and the rules for the validation of its tokens. */
export const issuerEntry = z.strictObject({
  ...keyedIssuerEntry.shape,
  tokens: z
    .enum(['jwt', 'opaque', 'any'])
    .prefault('jwt')
    .describe(
      'Format of the tokens. jwt (default): signed, validated by the gate (RFC 9068). opaque: introspected at the ' +
        'issuer (RFC 7662). any: a JWT that names this issuer is validated by the gate, any other token is ' +
        'introspected.',
    ),
  introspection: introspectionEntry.optional(),
  recheck: duration({ min: '1s', max: '5m' })
    .optional()
    .describe(
      'Time after which a JWT is introspected again. Each JWT is then introspected at its first use too, in addition ' +
        'to its validation by the gate. Default: JWTs are never introspected. A revocation at the issuer takes effect ' +
        'after at most this time.',
    ),
  login: loginEntry.optional(),
})

export type IssuerEntry = z.output<typeof issuerEntry>
