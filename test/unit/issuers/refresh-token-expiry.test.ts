import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { LoginClient } from '../../../gateway/issuers/login-client.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { listen } from '../../kit/ports.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { rulesOf } from '../oauth/token-text.ts'
import { publicClient } from './public-client.ts'

// The time at which a refresh token expires, as far as the issuer states it in the token reply.

let reply: object = {}
const server = createServer(async (request, response) => {
  await text(request)
  response.setHeader('content-type', 'application/json')
  const metadata = { issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` }
  const granted = { access_token: 'a', token_type: 'Bearer', expires_in: 60, ...reply }
  response.end(JSON.stringify(request.url === '/token' ? granted : metadata))
})
const issuer = `http://127.0.0.1:${await listen(server)}`
const metadataClient = new IssuerClient()
const keys = new IssuerKeys({ log: () => {} })
const dependencies = { client: metadataClient, keys, secrets: processSecrets(), log: () => {} }
const client = new LoginClient(rulesOf({ issuer, login: publicClient }), dependencies)
atEnd(() => Promise.all([client, metadataClient, keys].map((each) => each.close())))

const refresh_token = 'another'

test.each([
  ['refresh_expires_in of Keycloak', { refresh_token, refresh_expires_in: 1800 }, 1800],
  ['refresh_token_expires_in', { refresh_token, refresh_token_expires_in: 7200 }, 7200],
  ['0 of Keycloak, which means no expiry', { refresh_token, refresh_expires_in: 0 }, undefined],
  ['a text', { refresh_token, refresh_expires_in: '1800' }, undefined],
  ['no member', { refresh_token }, undefined],
  ['an expiry without a refresh token', { refresh_expires_in: 1800 }, undefined],
])('the gate reads the expiry of a refresh token correctly from a token reply with %s', async (_, members, seconds) => {
  reply = members
  const nowS = Date.now() / 1000
  const { refreshExpiresAtS } = (await client.refresh('a-refresh-token')) as { refreshExpiresAtS?: number }

  if (seconds === undefined) expect(refreshExpiresAtS).toBeUndefined()
  else {
    expect(refreshExpiresAtS).toBeGreaterThanOrEqual(Math.floor(nowS + seconds))
    expect(refreshExpiresAtS).toBeLessThanOrEqual(Math.floor(Date.now() / 1000 + seconds))
  }
})
