import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { redirectUriCheck } from '../../../gateway/doctor/checks/redirect-uris.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { freePort, listen } from '../../kit/ports.ts'
import { findingsOf } from './findings-of.ts'

// `gatehouse doctor` says `ok` for a redirect URI only when the issuer redirects to it (RFC 6749 §4.1.2.1). Every reply
// that does not tell is `unknown`.

const gate = 'https://gate.example'

/** Reply of an authorization endpoint to a request with this redirect URI. */
interface Reply {
  readonly status: number
  readonly location?: string
  readonly body?: string
}

const replies: Readonly<Record<string, (redirectUri: string) => Reply>> = {
  callback: (uri) => ({ status: 303, location: `${uri}?error=login_required&state=gatehouse-doctor` }),
  loginPage: () => ({ status: 302, location: '/login' }),
  otherHost: (uri) => ({ status: 302, location: uri.replace('gate.example', 'gate.example.attacker.example') }),
  otherPath: (uri) => ({ status: 302, location: `${uri}/more` }),
  nowhere: () => ({ status: 302 }),
  page: () => ({ status: 200, body: 'Log in, please. Your redirect_uri is welcome.' }),
  complaint: () => ({
    status: 400,
    body: '{"error":"invalid_request","error_description":"redirect_uri is not registered"}',
  }),
  otherComplaint: () => ({ status: 400, body: 'unknown client' }),
  broken: () => ({ status: 500, body: 'the redirect URI service failed' }),
}

/** One server that is the issuer of each reply: `/<name>` is the issuer identifier. */
const server = createServer((request, response) => {
  const url = new URL(request.url ?? '', origin)
  const [, name = '', path] = /^\/(\w+)\/(.*)$/.exec(url.pathname) ?? []
  if (path === '.well-known/openid-configuration') {
    const issuer = `${origin}/${name}`
    const endpoint = name === 'unreachable' ? `http://127.0.0.1:${closed}` : issuer
    const pushed = name === 'pushed' && { require_pushed_authorization_requests: true }
    const metadata = {
      issuer,
      authorization_endpoint: `${endpoint}/auth`,
      token_endpoint: `${issuer}/token`,
      ...pushed,
    }
    return void response.end(JSON.stringify({ ...metadata, jwks_uri: `${issuer}/keys` }))
  }
  if (path !== 'auth') return void response.writeHead(404).end()
  const { status, location, body } = replies[name]!(url.searchParams.get('redirect_uri') ?? '')
  response.writeHead(status, location === undefined ? {} : { location }).end(body)
})
const origin = `http://127.0.0.1:${await listen(server)}`
atEnd(() => {
  server.closeAllConnections()
  server.close()
})
const closed = freePort()

const names = [...Object.keys(replies), 'pushed', 'unreachable']
const login = { client_id: 'web', client_secret: { env: 'TEST_SECRET' }, scopes: ['openid'], redirect: 'issuer' }
const issuers = Object.fromEntries(
  names.map((name) => [name, { issuer: `${origin}/${name}`, audience: ['https://api.test'], login }]),
)
const routes = names.map((name) => ({ id: name, match: { path: `/${name}/**` }, require: { session: name } }))
const findings = await findingsOf({
  checks: [redirectUriCheck],
  policy: { version: 1, issuers, services: { app: { upstreams: ['http://127.0.0.1:9'], issuers: names, routes } } },
  settings: {
    public_url: gate,
    redis: { url: 'redis://127.0.0.1:9' },
    keys: { encryption: [{ id: 'seal', secret: { env: 'TEST_KEY' } }] },
  },
  env: { TEST_SECRET: 'secret-of-the-client-0123456789', TEST_KEY: Buffer.alloc(32, 7).toString('base64url') },
})

test.each([
  ['a redirect to the redirect URI', 'callback', 'ok', /^the issuer redirects to it$/],
  ['a redirect to its login page', 'loginPage', 'unknown', /redirects to another page/],
  ['a redirect to the same path of another host', 'otherHost', 'unknown', /redirects to another page/],
  ['a redirect to a path below the redirect URI', 'otherPath', 'unknown', /redirects to another page/],
  ['a redirect without Location', 'nowhere', 'unknown', /redirects to another page/],
  ['a page with status 200', 'page', 'unknown', /replied 200, which does not say/],
  [
    'status 400 and a text about the redirect URI',
    'complaint',
    'failed',
    /replied 400 and complains about the redirect URI/,
  ],
  ['status 400 and another text', 'otherComplaint', 'unknown', /replied 400, which does not say/],
  ['status 500 and a text about the redirect URI', 'broken', 'unknown', /replied 500, which does not say/],
  ['the demand for pushed authorization requests', 'pushed', 'unknown', /only pushed authorization requests/],
  ['no connection', 'unreachable', 'unknown', /ECONNREFUSED/],
] as const)(
  'if the issuer replies with %s, `gatehouse doctor` reports the redirect URI of the gate as $2',
  (_, name, result, detail) => {
    const found = findings.find(({ subject }) => subject.startsWith(`issuer ${name} `))

    expect(found).toMatchObject({ check: 'redirect-uri', result })
    expect(found!.detail).toMatch(detail)
    expect(found!.remedy === null).toBe(result === 'ok')
  },
)
