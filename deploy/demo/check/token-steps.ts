import { createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { clientSecret, foreignResource } from '../accounts.ts'
import { requestTokens } from '../grants.ts'
import { forgeUnsigned, forgeWithKey, forgeWithSecret, readJwt, withClaims } from '../jwt.ts'
import { loopback } from '../ports.ts'
import type { CheckClient } from './client.ts'
import { expectEqual, expectTrue } from './expect.ts'
import type { ExpectedRefusal } from './expected-refusal.ts'
import type { CheckStep } from './step.ts'

/** Refusal that the gate must send for every invalid token, for any defect of the token (RFC 6750 §3.1). */
export const invalidToken: ExpectedRefusal = {
  status: 401,
  code: 'invalid_token',
  challenge: { error: 'invalid_token' },
}

/** `introspection.cache` of the policy. */
const cacheMs = 3000

async function expectInvalid(client: CheckClient, ...tokens: readonly string[]): Promise<void> {
  for (const token of tokens) await client.expectRefused({ target: '/orders/1', token }, invalidToken)
}

export const tokenSteps: readonly CheckStep[] = [
  {
    title: 'no JWT, changed claims, changed signature, alg none, HMAC with the public key, foreign key: 401',
    run: async (client) => {
      const token = await client.token({ client: 'reader' })
      const genuine = readJwt(token)
      const { keys } = (await client.fetchJson(`${loopback(client.ports.issuer)}/jwks`)) as { keys: JsonWebKey[] }
      const jwk = keys.find((key) => (key as { kid?: string }).kid === genuine.header.kid)
      expectTrue('the key of a new token in the key set of the issuer', jwk !== undefined)
      const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const header = { ...genuine.header, jwk: own.publicKey.export({ format: 'jwk' }) }
      await expectInvalid(
        client,
        'x',
        'e30.e30.e30',
        withClaims(token, { scope: 'orders:read orders:write', sub: 'alice' }),
        changeSignature(token),
        forgeUnsigned(genuine),
        forgeWithSecret(genuine, pem),
        forgeWithSecret(genuine, ''),
        forgeWithKey(genuine, own.privateKey),
        forgeWithKey({ ...genuine, header }, own.privateKey),
      )
    },
  },
  {
    title: 'a token for another API, a token of an unknown issuer, an ID token: 401',
    run: async (client) => {
      const foreign = await client.token({ client: 'reader', resource: foreignResource })
      const { header, claims } = readJwt(await client.token({ client: 'reader' }))
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const unknown = forgeWithKey({ header, claims: { ...claims, iss: 'https://issuer.example' } }, own.privateKey)
      const { idToken } = await client.tokens({ user: 'alice' })
      expectTrue('an ID token from the login of alice', idToken !== undefined)
      await expectInvalid(client, foreign, unknown, idToken)
    },
  },
  {
    title: 'an opaque token is admitted by introspection, and rejected within 3 s after its revocation at the issuer',
    run: async (client) => {
      const request = { client: 'reader', scope: 'orders:read', opaque: true }
      const { accessToken: token } = await requestTokens(client.ports, request)
      expectTrue('a token that is not a JWT', !token.includes('.'))
      expectEqual('status with an opaque token', (await client.send({ target: '/orders/1', token })).status, 200)
      const challenge = { error: 'insufficient_scope', scope: 'reports:read' }
      const missingScope = { status: 403, code: 'insufficient_scope', challenge }
      await client.expectRefused({ target: '/reports/1', token }, missingScope)
      await revokeAtIssuer(client, token)
      await sleep(cacheMs + 200)
      await expectInvalid(client, token, token, token, token)
    },
  },
]

/**
 * Changes a character in the middle of the signature. In the last character, some bits have no meaning, so a change
 * there could leave the signature valid.
 */
function changeSignature(token: string): string {
  const at = token.lastIndexOf('.') + 20
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}

/** Revokes a token at the issuer (RFC 7009), as the client that the token was issued to. */
async function revokeAtIssuer({ ports }: CheckClient, token: string): Promise<void> {
  const reply = await fetch(`${loopback(ports.issuer)}/token/revocation`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`reader:${clientSecret('reader')}`)}` },
    body: new URLSearchParams({ token }),
    signal: AbortSignal.timeout(5000),
  })
  expectEqual('status of the revocation at the issuer', reply.status, 200)
}
