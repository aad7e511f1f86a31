import { z } from 'zod'
import { duration, parsed, text, Unfit } from './parsed.ts'
import { secretReference } from './secret.ts'
import { isPrivate, readWebUrl } from './web-url.ts'

const privateUrl = parsed('an https URL; http is for loopback only', (written) => {
  const url = readWebUrl(written)
  if (!(url instanceof URL)) return url
  return isPrivate(url) ? written : new Unfit('must be https; http is for loopback only')
})

/** How the gate says who it is, by what it has been given for it (RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2.1). */
export const clientAuthMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
] as const

/** `introspection` of an issuer: how it is asked whether a token counts (RFC 7662). */
export const introspectionEntry = z
  .strictObject({
    endpoint: privateUrl
      .optional()
      .describe('Where the issuer is asked. Default: by discovery (`introspection_endpoint`, RFC 8414 §2).'),
    client_id: text('1 to 256 visible characters', /^[\x21-\x7e]{1,256}$/).describe(
      'The client that the gate is to the issuer. It needs no grant of its own, only the right to introspect.',
    ),
    client_auth: z
      .enum(clientAuthMethods, { error: `must be one of ${clientAuthMethods.join(', ')}` })
      .optional()
      .describe(
        'How the client proves who it is. Default: client_secret_basic with `client_secret`, private_key_jwt with ' +
          '`private_key`, tls_client_auth with `certificate`.',
      ),
    client_secret: secretReference.optional().describe('Secret of the client. Relative to the folder of this file.'),
    private_key: secretReference
      .optional()
      .describe(
        'Private key of the client, as JWK or in PEM (PKCS #8): EC P-256 or P-384, RSA from 2048 bits, or Ed25519. A ' +
          'JWK may name its `kid` and `alg`.',
      ),
    certificate: z
      .string()
      .min(1)
      .optional()
      .describe('Certificate of the client, in PEM, for mutual TLS. Needs `certificate_key`.'),
    certificate_key: secretReference.optional().describe('Private key of `certificate`, in PEM.'),
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
