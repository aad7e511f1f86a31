import { expectEqual } from './expect.ts'
import type { ExpectedRefusal } from './expected-refusal.ts'
import { loopback } from './ports.ts'
import { bodyOf, rows, scopesWithout, streamRow, type TourRow } from './tour-rows.ts'
import type { TourStep } from './tour-step.ts'
import type { Tourist, Visit } from './tourist.ts'

const noCredential: ExpectedRefusal = { status: 401, code: 'credential_required', challenge: {} }
const forbidden: ExpectedRefusal = { status: 403, code: 'forbidden' }
const ambiguous: ExpectedRefusal = { status: 400, code: 'ambiguous_path' }
const twoCredentials: ExpectedRefusal = {
  status: 400,
  code: 'invalid_request',
  challenge: { error: 'invalid_request' },
}

const visitsOf = ({ methods, paths }: TourRow): readonly Visit[] =>
  methods.flatMap((method) =>
    paths.map((target) => {
      const body = bodyOf(method)
      return { method, target, ...(body === undefined ? {} : { body }) }
    }),
  )

const rowRefusals: readonly TourStep[] = [...rows, streamRow].flatMap((row) => [
  {
    title: `${row.title} without a token: 401, no error code`,
    run: async (tourist) => {
      for (const visit of visitsOf(row)) await tourist.isRefused(visit, noCredential)
    },
  },
  {
    title: `${row.title} with every scope but ${row.scope}: 403 names it`,
    run: async (tourist) => {
      const scope = scopesWithout(row.client, row.scope)
      const token = await tourist.token({ client: row.client, scope })
      const refusal = insufficient(row.scope)
      for (const visit of visitsOf(row)) await tourist.isRefused({ ...visit, token }, refusal)
    },
  },
])

function insufficient(scope: string): ExpectedRefusal {
  return { status: 403, code: 'insufficient_scope', challenge: { error: 'insufficient_scope', scope } }
}

export const refusals: readonly TourStep[] = [
  ...rowRefusals,
  {
    title: 'POST, PUT, DELETE /orders/** by the clerk, who has the scope but not the role: 403',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'clerk' })
      for (const method of ['POST', 'PUT', 'DELETE']) {
        const body = bodyOf(method)
        const visit = { method, target: '/orders/1', token, ...(body === undefined ? {} : { body }) }
        await tourist.isRefused(visit, forbidden)
      }
    },
  },
  {
    title: 'POST /orders/** by bob, logged in with every scope: 403',
    run: async (tourist) => {
      const token = await tourist.token({ user: 'bob' })
      await tourist.isRefused({ method: 'POST', target: '/orders/1', token, body: Buffer.from('{}') }, forbidden)
    },
  },
  {
    title: 'GET /internal/** from here, whatever the token and X-Forwarded-For say: 403',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'reader' })
      const fields = { 'X-Forwarded-For': '10.0.0.1', Forwarded: 'for=10.0.0.1', 'X-Real-IP': '10.0.0.1' }
      for (const method of ['GET', 'HEAD']) {
        await tourist.isRefused({ method, target: '/internal/ledger', token, fields }, forbidden)
      }
      // Nobody from here gets past the address, so that the demand for a scope shows in the metadata only.
      await metadataNames(tourist, '/internal/ledger', ['orders:read'])
    },
  },
  {
    title: 'the challenge leads to metadata that names the issuer and the scopes (RFC 9728)',
    run: async (tourist) => {
      await metadataNames(tourist, '/orders/1', ['orders:read', 'orders:write'])
      await metadataNames(tourist, '/reports/2026', ['reports:read'])
      await metadataNames(tourist, '/files/report.pdf', ['files:transfer'])
    },
  },
  {
    title: 'two credentials in one request: 400',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'reader' })
      const inBoth = { method: 'GET', target: `/orders/1?access_token=${token}`, token }
      await tourist.isRefused(inBoth, twoCredentials)
      const twice = { Authorization: [`Bearer ${token}`, `Bearer ${token}`] }
      const answer = await tourist.visit({ method: 'GET', target: '/orders/1', fields: twice })
      expectEqual('status of two Authorization fields', answer.status, 400)
      expectEqual('services reached by two Authorization fields', await tourist.seen(answer.marker), [])
    },
  },
  {
    title: 'a token in the query alone is no credential: 401',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'reader' })
      await tourist.isRefused({ method: 'GET', target: `/orders/1?access_token=${token}` }, noCredential)
    },
  },
  {
    title: 'a path that no route has: 404, with and without a token',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'reader' })
      const unknown = { status: 404, code: 'not_found' }
      for (const target of [
        '/',
        '/nowhere',
        '/order/1',
        '/ORDERS/1',
        '/demo/seen',
        '/stream/events/1',
        '/.gatehouse/x',
      ]) {
        await tourist.isRefused({ method: 'GET', target }, unknown)
        await tourist.isRefused({ method: 'GET', target, token }, unknown)
      }
    },
  },
  {
    title: 'a method that the path does not have: 405 lists those it has',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'writer' })
      const notAllowed = { status: 405, code: 'method_not_allowed' }
      const allowed = { '/orders/1': 'DELETE, GET, HEAD, POST, PUT', '/public/hello': 'GET, HEAD' }
      for (const [target, methods] of Object.entries(allowed)) {
        const answer = await tourist.isRefused({ method: 'PATCH', target, token, body: Buffer.from('{}') }, notAllowed)
        expectEqual(`Allow of ${target}`, answer.field('allow')?.split(', ').sort().join(', '), methods)
      }
    },
  },
  {
    title: 'a path that two readers could read in two ways: 400',
    run: async (tourist) => {
      for (const tail of [
        '%2e%2e/orders/1',
        '../orders/1',
        '.%2E/orders/1',
        '/orders',
        '%2forders',
        '..%5corders',
        'a;b',
        '%00',
      ]) {
        await tourist.isRefused({ method: 'GET', target: `/public/${tail}` }, ambiguous)
      }
    },
  },
  {
    title: 'a body larger than the route takes: 413 before a byte of it is sent',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'writer' })
      const announcedBytes = 11 * 1024 * 1024
      const tooLarge = { status: 413, code: 'body_too_large' }
      await tourist.isRefused({ method: 'POST', target: '/orders', token, announcedBytes }, tooLarge)
    },
  },
]

async function metadataNames(tourist: Tourist, path: string, scopes: readonly string[]): Promise<void> {
  const url = `${tourist.gate}/.well-known/oauth-protected-resource${path}`
  const metadata = (await tourist.fetchJson(url)) as Record<string, unknown>
  const { resource, authorization_servers: issuers, scopes_supported: supported } = metadata
  expectEqual(`resource in ${url}`, resource, `${tourist.gate}${path}`)
  expectEqual(`authorization_servers in ${url}`, issuers, [loopback(tourist.ports.issuer)])
  expectEqual(`scopes_supported in ${url}`, [...((supported as string[] | undefined) ?? [])].sort(), scopes)
}
