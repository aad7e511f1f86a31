// Replies of an issuer to each kind of call by openid-client: the gate refuses a compressed or overlong body, and does
// not follow a redirect (CWE-409, CWE-770, CWE-918).

import { createServer, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { LoginClient, newLoginSecrets } from '../../../gateway/issuers/login-client.ts'
import { listen } from '../../kit/ports.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { rulesOf } from '../oauth/token-text.ts'
import { publicClient as login } from './public-client.ts'

const granted = JSON.stringify({ access_token: 'a', token_type: 'Bearer', expires_in: 300 })
const pushed = JSON.stringify({ request_uri: 'urn:test:1', expires_in: 60 })
const caller = { address: 'a', known: false, permit: () => true }
const redirectUri = 'http://gate.test/callback'
const checks = { ...newLoginSecrets(), state: 'a-state', stepUp: { acrValues: undefined, maxAgeS: undefined } }

/** Paths of the issuer that were requested, without those of metadata. */
let asked: string[] = []
let reply: (response: ServerResponse, path: string) => void
let metadata = {}
let issuer: string
const clients: LoginClient[] = []
const metadataClient = new IssuerClient()
const keys = new IssuerKeys({ log: () => {} })

const server = createServer((request, response) => {
  const path = request.url!
  request.resume()
  if (path === '/.well-known/openid-configuration') return void response.end(JSON.stringify(metadata))
  asked.push(path)
  reply(response, path)
})

beforeAll(async () => {
  issuer = `http://127.0.0.1:${await listen(server)}`
})

afterAll(async () => {
  await Promise.all([...clients, metadataClient, keys].map((each) => each.close()))
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
})

/** Creates a login client whose issuer replies to every request except for metadata with `next`. */
function clientWith(next: typeof reply) {
  asked = []
  reply = next
  metadata = {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    revocation_endpoint: `${issuer}/revoke`,
    pushed_authorization_request_endpoint: `${issuer}/push`,
  }
  const client = new LoginClient(rulesOf({ issuer, login }), {
    client: metadataClient,
    keys,
    secrets: processSecrets(),
    log: () => {},
  })
  clients.push(client)
  return client
}

const calls: Record<string, { path: string; body: string; run: (client: LoginClient) => Promise<unknown> }> = {
  'a code exchange': {
    path: '/token',
    body: granted,
    run: (client) => client.finish(new URL(`${redirectUri}?code=c&state=a-state`), checks, caller),
  },
  'a refresh': { path: '/token', body: granted, run: (client) => client.refresh('a-refresh-token') },
  'a pushed authorization request': {
    path: '/push',
    body: pushed,
    run: (client) => client.begin(redirectUri, checks, caller),
  },
  'a revocation': { path: '/revoke', body: '{}', run: (client) => client.revoke('a-token', 'access_token') },
}

function send(
  response: ServerResponse,
  path: string,
  body: string | Buffer,
  fields: Record<string, string> = {},
): void {
  response.writeHead(path === '/push' ? 201 : 200, { 'content-type': 'application/json', ...fields }).end(body)
}

/**
 * 8 MiB of blanks: more than the limit of 1 MiB for a reply, and about 8 KiB when compressed. JSON allows trailing
 * blanks.
 */
const blanks = ' '.repeat(8 * 1024 * 1024)

const codings = [
  { coding: 'gzip', encode: (text: string) => gzipSync(text) },
  { coding: 'gzip, gzip', encode: (text: string) => gzipSync(gzipSync(text)) },
  { coding: 'br', encode: (text: string) => Buffer.from(text) },
]
const compressed = Object.keys(calls).flatMap((call) => codings.map((coding) => ({ call, ...coding })))

test.each(compressed)(
  "the gate rejects an issuer's reply to $call with content-encoding $coding",
  async ({ call, coding, encode }) => {
    const { path, body, run } = calls[call]!
    const client = clientWith((response) => send(response, path, encode(body + blanks), { 'content-encoding': coding }))
    await expect(run(client)).rejects.toMatchObject({
      reason: 'issuer-unreachable',
      message: expect.stringContaining(`content-encoding ${coding}, but the request asked for identity`),
    })
    expect(asked).toEqual([path])
  },
)

test.each(Object.keys(calls))("the gate rejects an issuer's reply to %s of more than 1 MiB", async (call) => {
  const { path, body, run } = calls[call]!
  const client = clientWith((response) => send(response, path, body + blanks))
  await expect(run(client)).rejects.toMatchObject({
    reason: 'issuer-unreachable',
    message: expect.stringContaining('the reply is longer than 1048576 bytes'),
  })
})

test.each(['a refresh', 'a pushed authorization request', 'a revocation'])(
  "the gate accepts an issuer's reply to %s with content-encoding identity and a non-Latin-1 header field",
  async (call) => {
    const { path, body, run } = calls[call]!
    const client = clientWith((response) => {
      response.setHeader('x-note', Buffer.from('é €').toString('latin1'))
      send(response, path, body, { 'content-encoding': 'Identity' })
    })
    await run(client)
    expect(asked).toEqual([path])
  },
)

test.each(Object.keys(calls))("the gate does not follow a redirect in an issuer's reply to %s", async (call) => {
  const { path, run } = calls[call]!
  const client = clientWith((response) => response.writeHead(307, { location: `${issuer}/elsewhere` }).end())
  await expect(run(client)).rejects.toMatchObject({ reason: 'issuer-unreachable' })
  expect(asked).toEqual([path])
})
