import { Readable } from 'node:stream'
import { demoClients } from '../accounts.ts'
import { repeatedBlock } from '../send-bytes.ts'
import type { Echo } from '../service.ts'
import { type CheckRequest, sha256 } from './client.ts'
import { expectEqual } from './expect.ts'
import type { ExpectedRefusal } from './expected-refusal.ts'
import { valuesOf } from './forwarded.ts'
import type { CheckStep } from './step.ts'

/** One access rule of the demo policy, repeated here, because the demo check must not read the policy that it tests. */
interface Rule {
  readonly title: string
  readonly service: string
  readonly targets: readonly string[]
  readonly methods: readonly string[]
  readonly scope: string
  /** Client that the rule admits. The service receives `roles` in the assertion. */
  readonly client: string
  readonly roles: readonly string[]
}

const reader = { client: 'reader', roles: [] }
const rules: readonly Rule[] = [
  {
    title: 'GET /orders/**',
    service: 'orders',
    targets: ['/orders', '/orders/1/lines/2'],
    methods: ['GET', 'HEAD'],
    scope: 'orders:read',
    ...reader,
  },
  {
    title: 'POST, PUT, DELETE /orders/**',
    service: 'orders',
    targets: ['/orders/1'],
    methods: ['POST', 'PUT', 'DELETE'],
    scope: 'orders:write',
    client: 'writer',
    roles: ['manager'],
  },
  {
    title: 'GET /reports/**',
    service: 'reports',
    targets: ['/reports/2026/q3'],
    methods: ['GET', 'HEAD'],
    scope: 'reports:read',
    ...reader,
  },
  {
    title: 'GET, POST, PUT /files/**',
    service: 'files',
    targets: ['/files/report.pdf'],
    methods: ['GET', 'POST', 'PUT'],
    scope: 'files:transfer',
    ...reader,
  },
]

export const noCredential: ExpectedRefusal = { status: 401, code: 'credential_required', challenge: {}, dpop: true }
const forbidden: ExpectedRefusal = { status: 403, code: 'forbidden' }
const order = Buffer.from('{"item":"tea","cups":2}')
const largeBytes = 12 * 1024 * 1024

const bodyOf = (method: string) => (method === 'POST' || method === 'PUT' ? { body: order } : {})
const requestsOf = ({ methods, targets }: Rule): CheckRequest[] =>
  methods.flatMap((method) => targets.map((target) => ({ method, target, ...bodyOf(method) })))

const ruleSteps = rules.map((rule): CheckStep => {
  const { title, service, scope, client: id, roles } = rule
  return {
    title: `${title}: 401 without a token, 403 without ${scope}, 200 with it, and the service learns who called`,
    run: async (client) => {
      const otherScopes = (demoClients[id]?.scopes ?? []).filter((other) => other !== scope).join(' ')
      const weak = await client.token({ client: id, scope: otherScopes })
      const token = await client.token({ client: id, scope })
      const challenge = { error: 'insufficient_scope', scope }
      for (const request of requestsOf(rule)) {
        await client.expectRefused(request, noCredential)
        await client.expectRefused({ ...request, token: weak }, { status: 403, code: 'insufficient_scope', challenge })
        await client.expectAdmitted({ ...request, token }, service, { token, roles })
      }
    },
  }
})

export const accessSteps: readonly CheckStep[] = [
  ...ruleSteps,
  {
    title: 'POST /orders/** by a user: alice has the role manager and is admitted; bob and the clerk lack it: 403',
    run: async (client) => {
      const alice = await client.token({ user: 'alice' })
      const request = { method: 'POST', target: '/orders/1', token: alice, body: order }
      await client.expectAdmitted(request, 'orders', { token: alice, roles: ['manager'] })
      for (const token of [await client.token({ client: 'clerk' }), await client.token({ user: 'bob' })]) {
        await client.expectRefused({ method: 'POST', target: '/orders/1', token, body: order }, forbidden)
      }
    },
  },
  {
    title: 'GET /internal/** from an address that is not allowed: 403, whatever X-Forwarded-For says',
    run: async (client) => {
      const token = await client.token({ client: 'reader' })
      const fields = { 'X-Forwarded-For': '10.0.0.1', Forwarded: 'for=10.0.0.1', 'X-Real-IP': '10.0.0.1' }
      await client.expectRefused({ target: '/internal/ledger', token, fields }, forbidden)
    },
  },
  {
    title: 'GET /public/** is open to everyone, and the service learns no identity',
    run: async (client) => {
      const token = await client.token({ client: 'reader' })
      for (const each of [undefined, token, 'x']) {
        await client.expectAdmitted({ target: '/public/hello', token: each }, 'files', undefined)
      }
    },
  },
  {
    title: 'identity, address and hop-by-hop fields that a client sends do not reach a service',
    run: async (client) => {
      const token = await client.token({ client: 'reader' })
      const replaced = {
        'X-Gatehouse-Jwt-Assertion': 'forged',
        x_gatehouse_jwt_assertion: 'forged',
        'X-Forwarded-For': '10.0.0.1',
        'X-Forwarded-Host': 'evil.example',
        Forwarded: 'for=10.0.0.1',
      }
      const removed = { 'X-Real-IP': '10.0.0.1', 'X-Original-URL': '/internal/ledger', 'X-Check-Hop': '1' }
      const fields = { ...replaced, ...removed, Connection: 'X-Check-Hop, X-Gatehouse-Jwt-Assertion' }
      for (const reply of [
        await client.expectAdmitted({ target: '/orders/1', token, fields }, 'orders', { token, roles: [] }),
        await client.expectAdmitted({ target: '/public/hello', fields }, 'files', undefined),
      ]) {
        const { headers } = JSON.parse(reply.body.toString()) as Echo
        for (const name of Object.keys(removed)) {
          expectEqual(`${name} as received`, valuesOf(headers, name.toLowerCase()), [])
        }
      }
    },
  },
  {
    title: 'unknown path 404, unknown method 405, ambiguous path 400, large body 413: none reaches a service',
    run: async (client) => {
      const token = await client.token({ client: 'writer' })
      for (const target of ['/nowhere', '/ORDERS/1', '/demo/received', '/.gatehouse/x']) {
        await client.expectRefused({ target, token }, { status: 404, code: 'not_found' })
      }
      const patch = { method: 'PATCH', target: '/orders/1', token, body: order }
      await client.expectRefused(patch, { status: 405, code: 'method_not_allowed' })
      for (const tail of ['%2e%2e/orders/1', '../orders/1', '%2forders', '..%5corders', 'a;b', '%00']) {
        await client.expectRefused({ target: `/public/${tail}` }, { status: 400, code: 'ambiguous_path' })
      }
      const large = { method: 'POST', target: '/orders', token, announcedBytes: 11 * 1024 * 1024 }
      await client.expectRefused(large, { status: 413, code: 'body_too_large' })
    },
  },
  {
    title: '12 MiB pass unchanged: down, and up with and without a Content-Length',
    run: async (client) => {
      const token = await client.token({ client: 'reader', scope: 'files:transfer' })
      const hash = sha256(repeatedBlock(largeBytes))
      const down = await client.send({ target: `/files/bytes/${largeBytes}`, token })
      expectEqual('status and SHA-256 of the reply', [down.status, sha256([down.body])], [200, hash])
      for (const fields of [{ 'Content-Length': `${largeBytes}` }, { 'Transfer-Encoding': 'chunked' }]) {
        const body = Readable.from(repeatedBlock(largeBytes))
        const up = await client.send({ method: 'POST', target: '/files', token, body, fields })
        expectEqual('status of the upload', up.status, 200)
        const { body: received } = JSON.parse(up.body.toString()) as Echo
        expectEqual('body as received', received, { bytes: largeBytes, sha256: hash })
      }
    },
  },
]
