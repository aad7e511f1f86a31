import { z } from 'zod'
import { privateUrl } from '../../config/private-url.ts'
import { duration, text } from '../../config/text-schemas.ts'
import { clientAuthKeys } from './client-auth-keys.ts'

/** `introspection` of an issuer: how the gate asks whether a token is active (RFC 7662). */
export const introspectionEntry = z
  .strictObject({
    endpoint: privateUrl
      .optional()
      .describe('Where the issuer is asked. Default: by discovery (`introspection_endpoint`, RFC 8414 §2).'),
    client_id: text('1 to 256 visible characters', /^[\x21-\x7e]{1,256}$/).describe(
      'The client that the gate is to the issuer. It needs no grant of its own, only the right to introspect.',
    ),
    ...clientAuthKeys,
    response: z
      .enum(['json', 'jwt'])
      .prefault('json')
      .describe(
        'json (default). jwt: only answers that the issuer has signed for this client are believed (RFC 9701), with the ' +
          'keys and algorithms of its tokens.',
      ),
    cache: duration({ min: '0s', max: '5m' })
      .prefault('30s')
      .describe(
        "Longest an active answer is reused. Never past the token's own exp. Default 30s, 0s to 5m; 0s asks the issuer " +
          'for each request. It also bounds how late a revocation at the issuer is seen.',
      ),
    negative_cache: duration({ min: '0s', max: '1m' })
      .prefault('5s')
      .describe(
        'How long an inactive answer is reused. Default 5s, 0s to 1m. Bounds what a stranger can make it cost.',
      ),
    stale: duration({ min: '0s', max: '24h' })
      .prefault('60s')
      .describe(
        'How much longer than `cache` the last answer counts while the issuer cannot be asked, never past exp. Default ' +
          '60s, 0s to 24h. For so long what the issuer revoked meanwhile is admitted. Routes may say otherwise: ' +
          '`on_outage.introspection`.',
      ),
    timeout: duration({ min: '100ms', max: '30s' })
      .prefault('2s')
      .describe('Longest wait for an answer. Default 2s, 100ms to 30s.'),
    concurrency: z
      .int()
      .min(1)
      .max(1000)
      .prefault(32)
      .describe('Most questions of one node or worker under way at the same time. Default 32, 1 to 1000.'),
    rate: z
      .int()
      .min(1)
      .max(100_000)
      .prefault(100)
      .describe(
        'Most questions a second by which all workers together refresh answers before they age. Default 100, 1 to ' +
          '100000.',
      ),
  })
  .describe('How the issuer is asked about tokens (RFC 7662).')

export type IntrospectionEntry = z.output<typeof introspectionEntry>
