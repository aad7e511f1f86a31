// A token request whose connection breaks is repeated once, with a new client assertion (RFC 7523 §3).

import { decodeJwt } from 'jose'
import { expect, test, vi } from 'vitest'
import { AuthenticatedEndpoint } from '../../../gateway/issuers/authenticated-endpoint.ts'
import { ClientAuthentication } from '../../../gateway/issuers/client-credentials.ts'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { rechecks } from '../../../gateway/issuers/question-queue.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { formOf, TestIssuer } from '../../kit/issuer.ts'
import { rulesFor } from '../../kit/issuer-rules.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { signingKey } from '../../kit/signing-key.ts'

/** Accepts each client assertion once. Closes the connection of the first request after it has read the assertion. */
class OnceIssuer extends TestIssuer {
  readonly #seen = new Set<unknown>()

  constructor() {
    super()
    this.serve('/token', async (request, response) => {
      const { jti } = decodeJwt((await formOf(request)).get('client_assertion')!)
      const isReplay = this.#seen.has(jti)
      this.#seen.add(jti)
      if (this.#seen.size === 1 && !isReplay) return void request.socket.destroy()
      response.writeHead(isReplay ? 401 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(isReplay ? { error: 'invalid_client' } : { access_token: 'a', token_type: 'Bearer' }))
    })
  }
}

test('after a broken connection, a token request is repeated with a new client assertion', async () => {
  const issuer = new OnceIssuer()
  await issuer.start()
  atEnd(() => issuer.stop())
  vi.stubEnv('TEST_CLIENT_KEY', JSON.stringify(signingKey('ES256').privateJwk))
  const place = { path: ['issuers', 'main'], usedBy: 'this test' }
  const auth = { method: 'private_key_jwt', key: { env: 'TEST_CLIENT_KEY' } } as const
  const authentication = new ClientAuthentication(auth, place, processSecrets())
  const client = new IssuerClient()
  const rules = rulesFor(issuer.url)
  const endpoint = new AuthenticatedEndpoint({ client, rules, clientId: 'gate', timeoutMs: 10_000, authentication })
  atEnd(() => Promise.all([endpoint.close(), client.close()]))

  expect(await endpoint.request({ grant_type: 'client_credentials' }, rechecks)).toMatchObject({ token: 'a' })
})
