import { z } from 'zod'
import { secretReference } from '../../config/secret.ts'

/**
 * Methods by which the gate authenticates to an issuer as its client. The configured credential decides which methods
 * are possible (RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2.1).
 */
const clientAuthMethods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth'] as const

/** Schemas of the policy keys that configure how the gate authenticates to an issuer as its client. */
export const clientAuthKeys = {
  client_auth: z
    .enum(clientAuthMethods, { error: `must be one of ${clientAuthMethods.join(', ')}` })
    .optional()
    .describe(
      'Method of client authentication. Default: client_secret_basic with `client_secret`, private_key_jwt with ' +
        '`private_key`, tls_client_auth with `certificate`.',
    ),
  client_secret: secretReference
    .optional()
    .describe('Client secret. A relative file path starts at the folder of this policy file.'),
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
    .describe('Path of the client certificate in PEM, for mutual TLS. Needs `certificate_key`.'),
  certificate_key: secretReference.optional().describe('Private key of `certificate`, in PEM.'),
}

export type ClientAuthEntry = { readonly [Key in keyof typeof clientAuthKeys]?: z.output<(typeof clientAuthKeys)[Key]> }
