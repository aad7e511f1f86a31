import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { keyKinds } from '../../config/key-kinds.ts'
import { exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse keys generate`: prints one new secret and does not store it. */
export const verb = defineVerb({
  description: 'Print a new secret key without storing it',
  arguments: {
    kind: z.enum(keyKinds).register(flag, {
      help:
        'assertion: signs the identity for services; encryption: encrypts stored tokens and login attempts; ' +
        'audit: seals the audit log; policy: authenticates the policy revisions of the cluster',
    }),
  },
  examples: [
    { run: '(umask 077; gatehouse keys generate assertion > assertion.jwk)', does: 'a file that only its owner reads' },
    { run: 'gatehouse keys generate encryption', does: '32 random bytes in base64url' },
  ],
  exitCodes: { [exitCodes.invalid]: 'the key could not be generated' },
  run: ({ kind }, output) => {
    // Print the secret on one line in text and in JSON format, ready for a file or a secret store.
    const secret = kind === 'assertion' ? assertionKey() : randomBytes(32).toString('base64url')
    output.line(secret)
    output.document({ kind, secret })
  },
})

/** Generates a private P-256 key. Returns the key as JWK (RFC 7518 §6.2), on one line. */
function assertionKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y, d } = privateKey.export({ format: 'jwk' })
  return JSON.stringify({ kty, crv, x, y, d, kid: randomBytes(9).toString('base64url'), alg: 'ES256', use: 'sig' })
}
