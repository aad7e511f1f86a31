import { z } from 'zod'
import { type Expiry, type ExpiryKind, expiryKinds, routineKinds } from '../base/expiries.ts'

const kinds = Object.keys(expiryKinds) as [ExpiryKind, ...ExpiryKind[]]

/** Schema of an entry in a list of certificates, secrets and keys that expire at a known time. */
export const expiryShape = z.strictObject({
  kind: z.enum(kinds),
  name: z.string(),
  expires_at: z.string().describe('Time at which the certificate, secret, key or token expires (RFC 3339).'),
  routine: z
    .boolean()
    .describe(
      'Whether the entry ends regularly and is renewed without an operator, as the refresh tokens of sessions. Such an entry causes no warning.',
    ),
})

export const expiryExample: z.output<typeof expiryShape> = {
  kind: 'upstream-certificate',
  name: 'orders https://orders:8443',
  expires_at: '2030-03-01T00:00:00.000Z',
  routine: false,
}

export function shapedExpiry({ kind, name, expiresAtMs }: Expiry): z.output<typeof expiryShape> {
  return { kind, name, expires_at: new Date(expiresAtMs).toISOString(), routine: routineKinds.has(kind) }
}
