import { createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { foreignResource } from './accounts.ts'
import { expectTrue } from './expect.ts'
import type { ExpectedRefusal } from './expected-refusal.ts'
import { forgeUnsigned, forgeWithKey, forgeWithSecret, readJwt, withClaims } from './jwt.ts'
import { loopback } from './ports.ts'
import type { TourStep } from './tour-step.ts'
import type { Tourist } from './tourist.ts'

const invalidToken: ExpectedRefusal = { status: 401, code: 'invalid_token', challenge: { error: 'invalid_token' } }

/** All bad tokens look the same to a client, whatever is wrong with them (RFC 6750 §3.1). */
async function isInvalid(tourist: Tourist, ...tokens: readonly string[]): Promise<void> {
  for (const token of tokens) await tourist.isRefused({ method: 'GET', target: '/orders/1', token }, invalidToken)
}

export const forgeries: readonly TourStep[] = [
  {
    title: 'something that is no JWT: 401 invalid_token',
    run: (tourist) => isInvalid(tourist, 'x', 'a.b', 'a.b.c', 'eyJhbGciOiJFUzI1NiJ9..', 'e30.e30.e30'),
  },
  {
    title: 'a good token, its claims or its signature changed: 401 invalid_token',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'reader' })
      const richer = withClaims(token, { scope: 'orders:read orders:write', sub: 'alice' })
      const later = withClaims(token, { exp: Number(readJwt(token).claims.exp) + 3600 })
      await isInvalid(tourist, richer, later, spoilSignature(token), token.slice(0, token.lastIndexOf('.') + 1))
    },
  },
  {
    title: "tokens forged with alg none, with the public key as a secret, with a key of one's own: 401 invalid_token",
    run: async (tourist) => {
      const genuine = readJwt(await tourist.token({ client: 'reader' }))
      const { keys } = (await tourist.fetchJson(`${loopback(tourist.ports.issuer)}/jwks`)) as { keys: JsonWebKey[] }
      const jwk = keys.find((key) => (key as { kid?: string }).kid === genuine.header.kid)
      expectTrue("the issuer's key of a fresh token", jwk !== undefined)
      const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const ownJwk = own.publicKey.export({ format: 'jwk' })
      const embedding = { ...genuine, header: { ...genuine.header, jwk: ownJwk } }
      await isInvalid(
        tourist,
        forgeUnsigned(genuine),
        forgeWithSecret(genuine, pem),
        forgeWithSecret(genuine, JSON.stringify(jwk)),
        forgeWithSecret(genuine, ''),
        forgeWithKey(genuine, own.privateKey),
        forgeWithKey(embedding, own.privateKey),
      )
    },
  },
  {
    title: 'a token of an issuer that nobody trusts: 401 invalid_token',
    run: async (tourist) => {
      const genuine = readJwt(await tourist.token({ client: 'reader' }))
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const claims = { ...genuine.claims, iss: 'https://issuer.example' }
      await isInvalid(tourist, forgeWithKey({ ...genuine, claims }, own.privateKey))
    },
  },
  {
    title: 'a good token for another API: 401 invalid_token',
    run: async (tourist) => isInvalid(tourist, await tourist.token({ client: 'reader', resource: foreignResource })),
  },
  {
    title: "alice's ID token as an access token: 401 invalid_token",
    run: async (tourist) => {
      const { idToken } = await tourist.tokens({ user: 'alice' })
      expectTrue('an ID token from the login of alice', idToken !== undefined)
      await isInvalid(tourist, idToken)
    },
  },
]

/** Another character in the middle: the last one may hold bits that mean nothing. */
function spoilSignature(token: string): string {
  const at = token.lastIndexOf('.') + 20
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}
