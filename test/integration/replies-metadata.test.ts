import { allowInsecureRequests, processResourceDiscoveryResponse, resourceDiscoveryRequest } from 'oauth4webapi'
import { describe, expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, type Gate, notFound, refused } from './admission.ts'

// RFC 9728 §3, §5.1: a challenge has the URL of the metadata of the requested resource. The metadata lists the issuers
// whose tokens the resource accepts.

const metadataPath = '/.well-known/oauth-protected-resource'

const [main, partner, upstream] = await Promise.all([startIssuer(), startIssuer({ path: '/tenant' }), startUpstream()])

const scope = (name: string) => ({ scopes: { all: [name] } })
const policy = {
  version: 1,
  issuers: {
    main: { issuer: main.url, audience: [testAudience] },
    partner: { issuer: partner.url, audience: [testAudience] },
  },
  services: {
    orders: {
      issuers: ['main', 'partner'],
      upstreams: [upstream.url],
      routes: [
        { id: 'read', match: { path: '/orders/**', methods: ['GET'] }, require: scope('orders:read') },
        { id: 'write', match: { path: '/orders/**', methods: ['POST'] }, require: scope('orders:write') },
        { id: 'page', match: { path: '/orders/page' }, require: 'public' },
        { id: 'half', match: { path: '/half', methods: ['GET'] }, require: 'public' },
        { id: 'other-half', match: { path: '/half', methods: ['PUT'] }, require: scope('half:write') },
        { id: 'public', match: { path: '/public/**' }, require: 'public' },
        { id: 'unlike', match: { path: '/unlike' }, require: { not: scope('guest') } },
      ],
    },
    reports: {
      issuers: ['main'],
      upstreams: [upstream.url],
      routes: [
        { id: 'reports', match: { path: '/reports', host: 'reports.test' }, require: scope('reports:read') },
        { id: 'root', match: { path: '/' }, require: scope('root:read') },
      ],
    },
  },
}
const node = await startNode({ policy })
const gate: Gate = { node, services: [upstream] }
const origin = `http://127.0.0.1:${node.port}`

const get = (target: string, host?: string): Promise<RawReply> =>
  request(node.port, requestBytes({ target, ...(host === undefined ? {} : { host }) }))

/** Returns the metadata URL in the challenge of a reply. */
function metadataUrlIn(reply: RawReply): URL {
  const [, url] = /resource_metadata="([^"]+)"/.exec(reply.all('www-authenticate')[0] ?? '') ?? []
  return new URL(url!)
}

test.each([
  { target: '/orders/1', resource: '/orders/1' },
  { target: '/orders', resource: '/orders' },
  { target: '/orders/', resource: '/orders/' },
  { target: '/orders/a%20b/%C3%A9', resource: '/orders/a%20b/%C3%A9' },
  { target: '/orders/1?page=2', resource: '/orders/1' },
  { target: '/unlike', resource: '/unlike' },
  { target: '/', resource: '' },
])(
  'the challenge of a 401 reply to $target has the metadata URL of the requested resource',
  async ({ target, resource }) => {
    const url = metadataUrlIn(await get(target))
    expect(url.href).toBe(`${origin}${metadataPath}${resource}`)

    const reply = await get(url.pathname)
    expect(reply.status).toBe(200)
    expect(reply.field('content-type')).toBe('application/json')
    expect(reply.json()).toMatchObject({ resource: `${origin}${resource}` })
  },
)

test.each(['/orders/1', '/orders/', '/unlike', '/'])(
  'the oauth4webapi client accepts the metadata of %s',
  async (path) => {
    const resource = new URL(path, origin)
    const reply = await resourceDiscoveryRequest(resource, { [allowInsecureRequests]: true })
    const server = await processResourceDiscoveryResponse(resource, reply)

    expect(server.authorization_servers).toContain(main.url)
  },
)

test('the resource metadata of a path lists the issuers and scopes of all routes of the path, for every method', async () => {
  expect((await get(`${metadataPath}/orders/1`)).json()).toEqual({
    resource: `${origin}/orders/1`,
    authorization_servers: [main.url, partner.url],
    scopes_supported: ['orders:read', 'orders:write'],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
  })
  expect((await get(`${metadataPath}/half`)).json()).toMatchObject({ scopes_supported: ['half:write'] })
  // A scope under `not` is no scope that a client should request.
  expect((await get(`${metadataPath}/unlike`)).json()).not.toHaveProperty('scopes_supported')
})

test('the resource metadata without a path lists the issuers and scopes of all routes', async () => {
  expect((await get(metadataPath)).json()).toEqual({
    resource: origin,
    authorization_servers: [main.url, partner.url],
    scopes_supported: ['half:write', 'orders:read', 'orders:write', 'reports:read', 'root:read'],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
  })
})

test('the resource metadata of a route with a host gets 404 under other hosts', async () => {
  expect((await get(`${metadataPath}/reports`, 'reports.test')).json()).toMatchObject({
    authorization_servers: [main.url],
    scopes_supported: ['reports:read'],
  })
  await refused(gate, { target: `${metadataPath}/reports` }, notFound)
})

test.each(['/orders/page', '/public', '/public/page', '/nowhere', '/orders2'])(
  'the resource metadata of a path without a protected route gets 404: %s',
  (path) => refused(gate, { target: `${metadataPath}${path}` }, notFound),
)

test('the resource metadata is public for GET and HEAD, and a POST gets 405', async () => {
  const target = `${metadataPath}/orders/1`
  const head = await request(node.port, requestBytes({ method: 'HEAD', target }), { head: true })
  const reply = await get(target)

  expect(head).toMatchObject({ status: 200, framing: 'none' })
  expect(head.field('content-length')).toBe(String(reply.body.length))
  const fields = { allow: 'GET, HEAD' }
  await refused(
    gate,
    { method: 'POST', target },
    { status: 405, code: 'method_not_allowed', reason: 'method-not-mapped', fields },
  )
})

describe('a gate with several public URLs uses the public URL of the Host', async () => {
  const urls = ['https://api.example', 'https://other.example:8443', 'http://localhost:8080']
  const several = await startNode({ policy, settings: { public_url: urls } })
  const challengedAt = async (host: string, fields: readonly (readonly [string, string])[] = []) =>
    metadataUrlIn(await request(several.port, requestBytes({ target: '/orders/1', host, fields })))

  test.each([
    { host: 'api.example', url: 'https://api.example' },
    { host: 'API.example', url: 'https://api.example' },
    { host: 'other.example:8443', url: 'https://other.example:8443' },
    { host: 'localhost:8080', url: 'http://localhost:8080' },
    { host: 'other.example', url: 'https://api.example' },
    { host: 'other.example:443', url: 'https://api.example' },
    { host: 'evil.example', url: 'https://api.example' },
    { host: 'api.example.evil', url: 'https://api.example' },
    { host: '127.0.0.1', url: 'https://api.example' },
  ])(
    'with several public URLs, the origin in the resource metadata for the Host $host is $url',
    async ({ host, url }) => {
      const named = await challengedAt(host)
      const reply = await request(several.port, requestBytes({ target: named.pathname, host }))

      expect(named.href).toBe(`${url}${metadataPath}/orders/1`)
      expect(reply.json()).toMatchObject({ resource: `${url}/orders/1` })
    },
  )

  test.each(['X-Forwarded-Host', 'Forwarded', 'X-Original-Host', 'X-Host'])(
    'S-029: the client field %s does not change the origin in resource metadata',
    async (name) => {
      const value = name === 'Forwarded' ? 'host=other.example:8443' : 'other.example:8443'

      expect((await challengedAt('evil.example', [[name, value]])).origin).toBe('https://api.example')
    },
  )

  test('with several public URLs, the issuer of assertions is the first public URL for every Host', async () => {
    const at: Gate = { node: several, services: [upstream] }
    for (const host of ['api.example', 'other.example:8443', 'evil.example']) {
      const { received } = await admitted(at, { target: '/orders/1', host, token: main.sign() })
      const [, claims] = received.all('x-gatehouse-jwt-assertion')[0]!.split('.')
      expect(JSON.parse(Buffer.from(claims!, 'base64url').toString())).toMatchObject({ iss: urls[0] })
    }
  })
})

test('a gate with only public routes has no resource metadata and an empty key set', async () => {
  const route = { id: 'all', match: { path: '/**' }, require: 'public' }
  const open = await startNode({
    policy: { version: 1, services: { all: { upstreams: [upstream.url], credentials: 'none', routes: [route] } } },
    settings: { keys: undefined },
  })
  const at: Gate = { node: open, services: [upstream] }

  await refused(at, { target: metadataPath }, notFound)
  await refused(at, { target: `${metadataPath}/page` }, notFound)
  const keys = await request(open.port, requestBytes({ target: '/.well-known/gatehouse/jwks.json' }))
  expect(keys.json()).toEqual({ keys: [] })
})
