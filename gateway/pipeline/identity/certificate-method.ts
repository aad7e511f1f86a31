import type { Denial } from '../../base/denial.ts'
import type { Unrevoked } from '../exchange/exchange.ts'

/**
 * Proof of possession by mutual TLS (RFC 8705 §3): the token must be bound to the client certificate of the connection,
 * or to the certificate that a listed proxy states. `check-certificate` has found the certificate valid.
 */
export const certificateMethod = {
  member: 'x5tS256',
  reasons: ['token-binding'],
  prove: ({ clientCertificate, route }: Unrevoked, expected: string): Denial<'token-binding'> | undefined =>
    clientCertificate?.thumbprint === expected ? undefined : route.denials.token['token-binding'],
} as const
