import { z } from 'zod'
import { keyedIssuerEntry } from '../../config/keyed-issuer-entry.ts'
import { duration } from '../../config/text-schemas.ts'
import { introspectionEntry } from './introspection-entry.ts'
import { loginEntry } from './login-entry.ts'

/** An entry under `issuers`: an authorization server, and the validation of its tokens. */
export const issuerEntry = z.strictObject({
  ...keyedIssuerEntry.shape,
  tokens: z
    .enum(['jwt', 'opaque', 'any'])
    .prefault('jwt')
    .describe(
      'What tokens are. jwt (default): signed, verified here (RFC 9068). opaque: the issuer is asked about each (RFC ' +
        '7662). any: a JWT that names this issuer is verified here, about any other token it is asked.',
    ),
  introspection: introspectionEntry.optional(),
  recheck: duration({ min: '1s', max: '5m' })
    .optional()
    .describe(
      'Also asks the issuer about each JWT, at its first use and again after so long. Default: never. Bounds how late a ' +
        'revocation at the issuer is seen.',
    ),
  login: loginEntry.optional(),
})

export type IssuerEntry = z.output<typeof issuerEntry>
