import { z } from 'zod'
import { privateUrl } from '../../config/private-url.ts'
import { duration, text } from '../../config/text-schemas.ts'
import { clientAuthKeys } from './client-auth-keys.ts'

/** Schema of `introspection` of an issuer: how the gate introspects tokens at this issuer (RFC 7662). */
export const introspectionEntry = z
  .strictObject({
    endpoint: privateUrl
      .optional()
      .describe('URL of the introspection endpoint. Default: by discovery (`introspection_endpoint`, RFC 8414 §2).'),
    client_id: text('1 to 256 visible characters', /^[\x21-\x7e]{1,256}$/).describe(
      'Client id of the gate at the issuer. The client needs permission to introspect tokens, and no grant.',
    ),
    ...clientAuthKeys,
    response: z
      .enum(['json', 'jwt'])
      .prefault('json')
      .describe(
        'Format of introspection responses. json (default): JSON. jwt: only signed responses are accepted (RFC 9701), ' +
          "with the keys and algorithms of the issuer's tokens.",
      ),
    cache: duration({ min: '0s', max: '5m' })
      .prefault('30s')
      .describe(
        'Maximum time for which the introspection response for an active token is reused, never past `exp` of the ' +
          'token. Default 30s, 0s to 5m; with 0s, every request causes an introspection request. A revocation at the ' +
          'issuer takes effect after at most this time.',
      ),
    negative_cache: duration({ min: '0s', max: '1m' })
      .prefault('5s')
      .describe(
        'Time for which the introspection response for an inactive token is reused. Default 5s, 0s to 1m. It limits ' +
          'the introspection requests that invalid tokens cause.',
      ),
    stale: duration({ min: '0s', max: '24h' })
      .prefault('60s')
      .describe(
        'Additional time after `cache` for which the last introspection response is used while the issuer is ' +
          'unavailable, never past `exp`. Default 60s, 0s to 24h. Tokens that the issuer revokes meanwhile are admitted ' +
          'for that time. A route overrides it with `on_outage.introspection`.',
      ),
    timeout: duration({ min: '100ms', max: '30s' })
      .prefault('2s')
      .describe('Maximum wait for an introspection response. Default 2s, 100ms to 30s.'),
    concurrency: z
      .int()
      .min(1)
      .max(1000)
      .prefault(32)
      .describe('Maximum concurrent introspection calls of one node or worker. Default 32, 1 to 1000.'),
    rate: z
      .int()
      .min(1)
      .max(100_000)
      .prefault(100)
      .describe(
        'Maximum number of introspection requests per second with which all workers together refresh responses before ' +
          'they expire. Default 100, 1 to 100000.',
      ),
  })
  .describe('How the gate introspects tokens at the issuer (RFC 7662).')

export type IntrospectionEntry = z.output<typeof introspectionEntry>
