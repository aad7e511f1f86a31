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
  issuer: privateUrl.describe('Issuer identifier, as tokens carry it in `iss`. Compared byte for byte.'),
  audience: z
    .array(text('a text without blanks or control characters', /^[^\s\x00-\x1f\x7f]{1,512}$/))
    .min(1)
    .describe('A token must name one of these in `aud`, otherwise it was issued for another recipient (RFC 9068 §4).'),
  algorithms: z
    .array(z.enum(algorithms, { error: `must be one of ${algorithms.join(', ')}; symmetric ones and none never are` }))
    .min(1)
    .prefault(['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'])
    .describe(
      'JWS algorithms that the issuer is trusted for. Default ES256, RS256, PS256, EdDSA, Ed25519. Symmetric ones never.',
    ),
  profile: z
    .enum(['at+jwt', 'any'])
    .prefault('at+jwt')
    .describe(
      'at+jwt (default): `typ` must say that it is an access token (RFC 9068 §2.1). any: for issuers that do not say ' +
        'so; what is plainly something else is refused, but an ID token may pass for an access token.',
    ),
  clock_tolerance: duration({ min: '0s', max: '5m' })
    .prefault('5s')
    .describe(
      'How far the clocks may disagree, for exp, nbf and iat. Default 5s, up to 5m. Tokens live that much longer.',
    ),
  max_token_lifetime: duration({ min: '1s', max: '366d' })
    .prefault('24h')
    .describe(
      'Longest exp − iat that is believed. Default 24h, 1s to 366d. Bounds how long a revocation must be kept.',
    ),
  scope_claim: claimName
    .prefault('scope')
    .describe(
      'The claim of JWTs that has the scopes, `scp` for instance. Default `scope` (RFC 9068 §2.2.3). What an issuer says ' +
        'when it is asked about a token is always read from `scope` (RFC 7662 §2.2).',
    ),
  scope_array: z
    .boolean()
    .prefault(false)
    .describe(
      'Also takes the scopes as a list of strings, which some issuers send against RFC 9068 §2.2.3. Default false.',
    ),
  client_claim: claimName
    .optional()
    .describe(
      'The claim of JWTs that names the client, `cid` or `appid` for instance. Default: `client_id` (RFC 9068 §2.2), else ' +
        '`azp`.',
    ),
  jwks_uri: privateUrl
    .optional()
    .describe('Where the keys are. Default: by discovery (OpenID Connect Discovery §4, RFC 8414 §3).'),
  keys_stale: duration({ min: '0s', max: '30d' })
    .prefault('24h')
    .describe(
      'How long the last good keys are used while the issuer cannot be reached. Default 24h, 0s to 30d. That long, a ' +
        'key which the issuer has withdrawn may still be trusted.',
    ),
})

export type KeyedIssuerEntry = z.output<typeof keyedIssuerEntry>
