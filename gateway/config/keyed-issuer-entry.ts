import { z } from 'zod'
import { privateUrl } from './private-url.ts'
import { duration, text } from './text-schemas.ts'

const algorithms = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
  'Ed25519',
] as const

const claimName = text('the name of a claim, without blanks or control characters', /^[^\s\x00-\x1f\x7f]{1,64}$/)

/**
 * Settings of an authorization server whose JWTs are validated with its published keys. An issuer in the policy has
 * these and more settings; the issuer of the admin API has only these.
 */
export const keyedIssuerEntry = z.strictObject({
  issuer: privateUrl.describe('Issuer identifier: the value of `iss` in tokens of the issuer, compared byte for byte.'),
  audience: z
    .array(text('a text without blanks or control characters', /^[^\s\x00-\x1f\x7f]{1,512}$/))
    .min(1)
    .describe(
      'Accepted audiences. `aud` of a token must contain at least one of them; otherwise the token was issued for ' +
        'another recipient (RFC 9068 §4).',
    ),
  algorithms: z
    .array(
      z.enum(algorithms, {
        error: `must be one of ${algorithms.join(', ')}; symmetric algorithms and none are never allowed`,
      }),
    )
    .min(1)
    .prefault(['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'])
    .describe(
      'JWS algorithms that are accepted in signatures of the issuer. Default ES256, RS256, PS256, EdDSA, Ed25519. ' +
        'Symmetric algorithms are not possible.',
    ),
  profile: z
    .enum(['at+jwt', 'any'])
    .prefault('at+jwt')
    .describe(
      'Accepted types of JWTs. at+jwt (default): `typ` must be at+jwt, the type of access tokens (RFC 9068 §2.1). ' +
        'any: for issuers that do not set this type. The gate then rejects tokens that are recognizable as another ' +
        'kind of token, but an ID token can be accepted as an access token.',
    ),
  clock_tolerance: duration({ min: '0s', max: '5m' })
    .prefault('5s')
    .describe(
      'Maximum difference between the clocks of the issuer and the gate, for `exp`, `nbf` and `iat`. Default 5s, up ' +
        'to 5m. Tokens are accepted for this time after their `exp`.',
    ),
  max_token_lifetime: duration({ min: '1s', max: '366d' })
    .prefault('24h')
    .describe(
      'Maximum lifetime of a token, `exp` − `iat`. A token with a longer lifetime is rejected. Default 24h, 1s to ' +
        '366d. It also determines how long a revocation must be stored.',
    ),
  scope_claim: claimName
    .prefault('scope')
    .describe(
      'Claim of JWTs that contains the scopes, for example `scp`. Default `scope` (RFC 9068 §2.2.3). Introspection ' +
        'responses always contain the scopes in `scope` (RFC 7662 §2.2).',
    ),
  scope_array: z
    .boolean()
    .prefault(false)
    .describe(
      'Whether a list of strings is accepted as scopes too, which some issuers send contrary to RFC 9068 §2.2.3. ' +
        'Default false.',
    ),
  client_claim: claimName
    .optional()
    .describe(
      'Claim of JWTs that contains the client id, for example `cid` or `appid`. Default: `client_id` (RFC 9068 ' +
        '§2.2), else `azp`.',
    ),
  jwks_uri: privateUrl
    .optional()
    .describe(
      'URL of the JSON Web Key Set of the issuer. Default: by discovery (OpenID Connect Discovery §4, RFC 8414 §3).',
    ),
  keys_stale: duration({ min: '0s', max: '30d' })
    .prefault('24h')
    .describe(
      'Maximum time for which the last fetched keys are used while the issuer is unavailable. Default 24h, 0s to ' +
        '30d. For this time, the gate can trust a key that the issuer has withdrawn.',
    ),
})

export type KeyedIssuerEntry = z.output<typeof keyedIssuerEntry>
