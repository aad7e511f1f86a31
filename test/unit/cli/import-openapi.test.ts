import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { formatImportNote } from '../../../gateway/cli/import/import-note.ts'
import { importOpenApi, type OpenApiGiven } from '../../../gateway/cli/import/import-openapi.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { readPolicy } from '../../../gateway/policy/policy-source.ts'

const issuer = 'https://idp.test'
const anyToken = { claims: { iss: { any: [issuer] } } }
const nothingGiven: OpenApiGiven = { issuer: undefined, audience: [], upstream: undefined, service: undefined }
const given: OpenApiGiven = { issuer, audience: ['https://api.test'], upstream: 'http://api.test:3000', service: 'api' }

interface Made {
  readonly issuers: { readonly main: { readonly issuer: string; readonly audience: readonly string[] } }
  readonly services: Readonly<
    Record<string, { upstreams: string[]; routes: { id: string; match: object; require: unknown }[] }>
  >
}

/** Imports a document, and compiles the policy as `gatehouse check` does. */
function imported(document: string | object, more: Partial<OpenApiGiven> = {}, from: OpenApiGiven = given) {
  const text = typeof document === 'string' ? document : stringify(document, { aliasDuplicateObjects: false })
  const { policy, notes } = importOpenApi(Buffer.from(text), 'api.yaml', { ...from, ...more })
  compilePolicy(readPolicy([{ file: 'policy.yaml', bytes: Buffer.from(stringify(policy)) }]))
  const made = policy as Made
  const routes = Object.values(made.services)[0]!.routes
  const rules = routes.map(({ id, match, require }) => [id, ...Object.values(match).flat(), require])
  return { made, rules, notes: notes.map(formatImportNote) }
}

function published(name: string): string {
  return readFileSync(new URL(`./imports/${name}`, import.meta.url), 'utf8')
}

const scopes = (...all: string[]) => ({ scopes: { all } })

test('the OpenAPI import of the Swagger Petstore gives routes with its scopes, and notes name the API keys that the gate does not check', () => {
  const { rules, notes } = imported(published('petstore.yaml'))

  expect(rules).toEqual([
    ['addPet', '/api/v3/pet', 'POST', scopes('read:pets', 'write:pets')],
    ['updatePet', '/api/v3/pet', 'PUT', scopes('read:pets', 'write:pets')],
    ['findPetsByStatus', '/api/v3/pet/findByStatus', 'GET', scopes('read:pets', 'write:pets')],
    ['getPetById', '/api/v3/pet/*', 'GET', scopes('read:pets')],
    ['deletePet', '/api/v3/pet/*', 'DELETE', scopes('read:pets', 'write:pets')],
    ['getInventory', '/api/v3/store/inventory', 'GET', anyToken],
    ['loginUser', '/api/v3/user/login', 'GET', anyToken],
  ])
  expect(notes.filter((note) => note.includes('API keys'))).toHaveLength(2)
  expect(notes.at(-1)).toMatch(/^api\.yaml:18:5: paths\.\/user\/login\.get: decide: the document states no security/)
})

test('the OpenAPI import of the Museum API, which uses Basic, gives routes that require a token, except for the operation without security', () => {
  const { made, rules, notes } = imported(published('museum.yaml'), { issuer }, nothingGiven)

  expect(made.issuers.main.audience).toEqual(['https://redocly.com'])
  expect(Object.keys(made.services)).toEqual(['redocly-museum-api'])
  expect(rules.map(([id, , , require]) => [id, require])).toEqual([
    ['getMuseumHours', anyToken],
    ['getSpecialEvent', 'public'],
    ['updateSpecialEvent', anyToken],
    ['getTicketCode', anyToken],
  ])
  expect(notes.filter((note) => note.includes('accept: [basic]'))).toHaveLength(1)
})

test('the OpenAPI import of a Swagger 2 document gives routes below basePath, and the host of the document as upstream', () => {
  const { made, rules } = imported(published('uber.json'), { issuer }, nothingGiven)

  expect(made.services['uber-api']!.upstreams).toEqual(['https://api.uber.com'])
  expect(rules.map(([id, path]) => [id, path])).toEqual([
    ['get.v1.products', '/v1/products'],
    ['get.v1.estimates.price', '/v1/estimates/price'],
    ['get.v1.me', '/v1/me'],
  ])
})

const schemes = {
  oauth: { type: 'oauth2' },
  oidc: { type: 'openIdConnect', openIdConnectUrl: 'https://login.test/realm/.well-known/openid-configuration' },
  jwt: { type: 'http', scheme: 'Bearer' },
  key: { type: 'apiKey' },
  tls: { type: 'mutualTLS' },
}

function document(paths: object, more: object = {}): object {
  return { openapi: '3.1.0', info: { title: 'A' }, paths, components: { securitySchemes: schemes }, ...more }
}

test.each([
  {
    title: 'two alternatives',
    security: [{ oauth: ['a'] }, { oauth: ['b', 'c'] }],
    require: { any: [scopes('a'), scopes('b', 'c')] },
  },
  { title: 'two schemes of one alternative', security: [{ oauth: ['a'], oidc: ['b'] }], require: scopes('a', 'b') },
  { title: 'an alternative without scopes', security: [{ oauth: ['a'] }, { oauth: [] }], require: anyToken },
  { title: 'roles of an HTTP scheme', security: [{ jwt: ['admin'] }], require: anyToken },
  { title: 'an API key beside a scope', security: [{ oauth: ['a'], key: [] }], require: scopes('a') },
  { title: 'only an API key', security: [{ key: [] }], require: anyToken },
  {
    title: 'an alternative with a client certificate',
    security: [{ tls: [] }, { oauth: ['a'] }],
    require: scopes('a'),
  },
  { title: 'an undefined scheme', security: [{ gone: ['a'] }], require: anyToken },
  { title: 'a scheme with the name of an object member', security: [{ toString: [] }], require: anyToken },
  { title: 'no security at all', security: undefined, require: anyToken },
  { title: 'an empty list', security: [], require: 'public' },
  { title: 'an optional token', security: [{ oauth: ['a'] }, {}], require: 'public' },
])(
  'the OpenAPI import gives an operation with $title a requirement that the gate can check',
  ({ security, require }) => {
    const { rules } = imported(document({ '/x': { get: { security } } }))

    expect(rules).toEqual([['get.x', '/x', 'GET', require]])
  },
)

const open = { security: [] }

test.each([
  {
    title: 'a parameter in a part of a segment',
    paths: { '/f/{name}.json': { get: open } },
    note: /\{name\}\.json matches every value/,
  },
  {
    title: 'TRACE',
    paths: { '/f/*': {}, '/f': { trace: open, get: open } },
    note: /\.trace: no equivalent: the gate never forwards TRACE/,
  },
  { title: 'a wildcard in a path', paths: { '/f/*': { get: open }, '/g': { get: open } }, note: /a literal \*/ },
  { title: 'a query in a path', paths: { '/f?x=1': { get: open }, '/g': { get: open } }, note: /path-raw-character/ },
  ...['./f.yaml', 'file:///etc/passwd', 'http://127.0.0.1:1/f.yaml'].map(($ref) => ({
    title: `S-131 a path of another document, ${$ref},`,
    paths: { '/f': { $ref }, '/g': { get: open } },
    note: /another document/,
  })),
  {
    title: 'servers of an operation',
    paths: { '/f': { get: { ...open, servers: [{ url: '/b' }] } } },
    note: /upstreams of the service/,
  },
  { title: 'an unknown method', paths: { '/f': { get: open, purge: open } }, note: /\.purge: no equivalent/ },
  { title: 'HEAD beside GET', paths: { '/f': { get: open, head: open } }, note: /\.head: not needed/ },
])('$title in an imported OpenAPI document is named in a note', ({ paths, note }) => {
  const { rules, notes } = imported(document(paths))

  expect(rules).toHaveLength(1)
  expect(notes.join('\n')).toMatch(note)
})

test('the OpenAPI import of two path templates that match the same requests gives one route that requires the security of both', () => {
  const secured = (scope: string) => ({ get: { security: [{ oauth: [scope] }] } })
  const { rules } = imported(document({ '/f/{a}': secured('a'), '/f/{b}': secured('b'), '/g': { get: open } }))

  expect(rules.map(([, path, , require]) => [path, require])).toEqual([
    ['/f/*', { all: [scopes('a'), scopes('b')] }],
    ['/g', 'public'],
  ])
})

test('the OpenAPI import gives a route for a path item that is defined elsewhere in the document', () => {
  const components = { securitySchemes: schemes, pathItems: { shared: { get: open } } }
  const { rules } = imported(document({ '/f': { $ref: '#/components/pathItems/shared' } }, { components }))

  expect(rules).toEqual([['get.f', '/f', 'GET', 'public']])
})

test('the OpenAPI import takes the issuer from openIdConnectUrl, and the default values of server variables', () => {
  const servers = [
    { url: 'https://{host}/{version}', variables: { host: { default: 'api.test' }, version: { default: 'v2' } } },
  ]
  const { made, rules } = imported(document({ '/f': { get: open } }, { servers }), {}, nothingGiven)

  expect(made.issuers.main).toEqual({ issuer: 'https://login.test/realm', audience: ['https://api.test'] })
  expect(rules[0]![1]).toBe('/v2/f')
})

test.each([
  { title: 'a policy', text: 'version: 1\nservices: {}\n', error: /must be an OpenAPI 3 document/ },
  {
    title: 'a document without operations',
    text: 'openapi: 3.0.0\npaths: {}\n',
    error: /must have a path with an operation/,
  },
  { title: 'a document with a syntax error', text: 'openapi: [3', error: /not valid YAML/ },
])('the OpenAPI import refuses $title, and the error says what is expected', ({ text, error }) => {
  expect(() => importOpenApi(Buffer.from(text), 'api.yaml', given)).toThrow(error)
})

test('the OpenAPI import refuses a document that states no issuer, and the error names the flag --issuer', () => {
  const text = stringify({ openapi: '3.0.0', paths: { '/f': { get: open } } })
  const without = { ...given, issuer: undefined }

  expect(() => importOpenApi(Buffer.from(text), 'api.yaml', without)).toThrow(
    expect.objectContaining({ message: 'the document does not state an issuer', hint: 'add --issuer URL' }),
  )
})
