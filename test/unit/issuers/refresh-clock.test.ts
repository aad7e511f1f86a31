import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { LoginClient } from '../../../gateway/issuers/login-client.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { listen } from '../../kit/ports.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { compactJws, signingKey } from '../../kit/signing-key.ts'
import { rulesOf } from '../oauth/token-text.ts'
import { publicClient } from './public-client.ts'

// A process whose clock differs from that of the issuer refreshes sessions too. If it rejected the ID token because of
// its times, the session would end: the issuer has replaced the refresh token already.

const HOUR_S = 3600
const key = signingKey('ES256', 'k')
let idToken = ''
const server = createServer(async (request, response) => {
  await text(request)
  response.setHeader('content-type', 'application/json')
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    id_token_signing_alg_values_supported: ['ES256'],
  }
  const granted = { access_token: 'a', token_type: 'Bearer', expires_in: 60, refresh_token: 'next', id_token: idToken }
  response.end(JSON.stringify(request.url === '/token' ? granted : metadata))
})
const issuer = `http://127.0.0.1:${await listen(server)}`
const metadataClient = new IssuerClient()
const keys = new IssuerKeys({ log: () => {} })
const dependencies = { client: metadataClient, keys, secrets: processSecrets(), log: () => {} }
const client = new LoginClient(rulesOf({ issuer, login: publicClient }), dependencies)
atEnd(() => Promise.all([client, metadataClient, keys].map((each) => each.close())))

function signIdToken(times: { readonly iat: number; readonly exp: number }): string {
  return compactJws({ alg: 'ES256' }, { iss: issuer, aud: publicClient.clientId, sub: 'alice', ...times }, key)
}

test.each([
  ['behind', HOUR_S],
  ['ahead', -HOUR_S],
])('a process whose clock is one hour %s the issuer accepts the tokens of a refresh', async (_, aheadS) => {
  const nowS = Math.floor(Date.now() / 1000) + aheadS
  idToken = signIdToken({ iat: nowS, exp: nowS + 60 })
  expect(await client.refresh('a-refresh-token')).toMatchObject({ refreshToken: 'next', idToken })
})
