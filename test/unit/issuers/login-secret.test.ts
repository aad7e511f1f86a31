// Rotation of the client secret of a login: the newest secret is presented, then the one before it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { LoginClient, newLoginSecrets } from '../../../gateway/issuers/login-client.ts'
import { listen } from '../../kit/ports.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { rulesOf } from '../oauth/token-text.ts'
import { publicClient } from './public-client.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-login-secret-'))
const file = join(folder, 'secret')
const secrets = processSecrets()
const metadataClient = new IssuerClient()
const keys = new IssuerKeys({ log: () => {} })
/** Secrets that the issuer accepts, and those that the gate presented. */
let accepted: string[] = []
let shown: string[] = []
/** The reply with which the issuer refuses a client secret. */
let refusal = { status: 401, fields: {} as Record<string, string> }

const server = createServer(async (request, response) => {
  const form = new URLSearchParams(await text(request))
  if (request.url === '/.well-known/openid-configuration') {
    const endpoint = (name: string) => `${issuer}/${name}`
    const metadata = { issuer, authorization_endpoint: endpoint('auth'), token_endpoint: endpoint('token') }
    const more = { revocation_endpoint: endpoint('revoke'), pushed_authorization_request_endpoint: endpoint('push') }
    return void response.end(JSON.stringify({ ...metadata, ...more }))
  }
  const secret = form.get('client_secret') ?? ''
  shown.push(secret)
  response.setHeader('content-type', 'application/json')
  if (accepted.includes(secret)) {
    if (request.url === '/push') response.statusCode = 201
    const granted = { access_token: 'a', token_type: 'Bearer', request_uri: 'urn:test:1', expires_in: 60 }
    return void response.end(request.url === '/revoke' ? '' : JSON.stringify(granted))
  }
  response.writeHead(refusal.status, refusal.fields).end('{"error":"invalid_client"}')
})
let issuer: string
let client: LoginClient

beforeAll(async () => {
  issuer = `http://127.0.0.1:${await listen(server)}`
})

beforeEach(async () => {
  await client?.close()
  writeFileSync(file, 'one', { mode: 0o600 })
  const login = { ...publicClient, auth: { method: 'client_secret_post', secret: { file } } as const }
  client = new LoginClient(rulesOf({ issuer, login }), { client: metadataClient, keys, secrets, log: () => {} })
  shown = []
  refusal = { status: 401, fields: {} }
})

afterAll(async () => {
  await Promise.all([client, metadataClient, keys].map((each) => each.close()))
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
  rmSync(folder, { recursive: true, force: true })
})

const checks = { ...newLoginSecrets(), state: 'a-state', stepUp: { acrValues: undefined, maxAgeS: undefined } }
const caller = { address: 'a', known: false, permit: () => true }

const calls = [
  { call: 'a refresh', run: () => client.refresh('a-refresh-token') },
  { call: 'a revocation', run: () => client.revoke('a-token', 'refresh_token') },
  { call: 'a pushed authorization request', run: () => client.begin('http://gate.test/callback', checks, caller) },
]

test.each(calls)(
  '$call succeeds with the previous client secret if the issuer does not know the new one yet',
  async ({ run }) => {
    accepted = ['one']
    writeFileSync(file, 'two')
    secrets.reload()

    await run()

    expect(shown).toEqual(['two', 'one'])
  },
)

test.each(calls)(
  '$call succeeds with the newer client secret in the file if the issuer no longer accepts the secret in use',
  async ({ run }) => {
    accepted = ['two']
    writeFileSync(file, 'two')

    await run()

    expect(shown).toEqual(['one', 'two'])
  },
)

test.each([
  { with: 'status 400', status: 400, fields: {} },
  { with: 'a WWW-Authenticate challenge', status: 401, fields: { 'www-authenticate': 'Basic realm="issuer"' } },
])(
  'a token refresh is repeated with the previous client secret when the issuer refuses the new one with $with',
  async ({ status, fields }) => {
    refusal = { status, fields: fields as Record<string, string> }
    accepted = ['one']
    writeFileSync(file, 'two')
    secrets.reload()

    await client.refresh('a-refresh-token')

    expect(shown).toEqual(['two', 'one'])
  },
)

test('a call to the issuer whose new and previous client secrets are both refused is sent only twice, and fails', async () => {
  accepted = []
  writeFileSync(file, 'two')
  secrets.reload()

  await expect(client.refresh('a-refresh-token')).rejects.toMatchObject({ reason: 'issuer-unreachable' })
  expect(shown).toEqual(['two', 'one'])
})
