import { demoClients } from '../accounts.ts'
import { expectEqual, expectTrue } from './expect.ts'
import type { CheckStep } from './step.ts'

/** One access rule of the demo policy, repeated here, because the demo check must not read the policy that it tests. */
interface Rule {
  readonly service: string
  readonly target: string
  readonly methods: readonly string[]
  readonly scope: string
  /** Client that the rule admits. The service receives `roles` in the assertion. */
  readonly client: string
  readonly roles: readonly string[]
}

const reader = { client: 'reader', roles: [] }
const writer = { client: 'writer', roles: ['manager'] }
const rules: readonly Rule[] = [
  { service: 'orders', target: '/orders/1', methods: ['GET'], scope: 'orders:read', ...reader },
  { service: 'orders', target: '/orders', methods: ['POST', 'PUT', 'DELETE'], scope: 'orders:write', ...writer },
  { service: 'reports', target: '/reports/2026', methods: ['GET'], scope: 'reports:read', ...reader },
  { service: 'files', target: '/files/a.pdf', methods: ['GET', 'POST', 'PUT'], scope: 'files:transfer', ...reader },
]

const ruleSteps = rules.map(
  ({ service, target, methods, scope, client: id, roles }): CheckStep => ({
    title: `${methods.join(', ')} ${target}: 401 without a token, 403 without ${scope}, 200 with it, and the service learns who called`,
    run: async (client) => {
      const others = demoClients[id]!.scopes.filter((other) => other !== scope).join(' ')
      const [weak, token] = [
        await client.token({ client: id, scope: others }),
        await client.token({ client: id, scope }),
      ]
      for (const method of methods) {
        await client.expectRefused({ method, target }, 401, 'credential_required')
        await client.expectRefused({ method, target, token: weak }, 403, 'insufficient_scope')
        await client.expectAdmitted({ method, target, token }, service, roles)
      }
    },
  }),
)

export const accessSteps: readonly CheckStep[] = [
  ...ruleSteps,
  {
    title: 'POST /orders by a user: alice has the role manager and is admitted, bob has not: 403',
    run: async (client) => {
      const order = { method: 'POST', target: '/orders' }
      await client.expectAdmitted({ ...order, token: await client.token({ user: 'alice' }) }, 'orders', ['manager'])
      await client.expectRefused({ ...order, token: await client.token({ user: 'bob' }) }, 403, 'forbidden')
    },
  },
  {
    title: 'GET /internal/** from an address that is not allowed: 403; GET /public/**: 200 for everyone',
    run: async (client) => {
      const token = await client.token({ client: 'reader' })
      await client.expectRefused({ target: '/internal/ledger', token }, 403, 'forbidden')
      await client.expectAdmitted({ target: '/public/hello' }, 'files')
    },
  },
  {
    title: 'an invalid token: 401; an opaque token is introspected at the issuer: 200',
    run: async (client) => {
      await client.expectRefused({ target: '/orders/1', token: 'x' }, 401, 'invalid_token')
      const token = await client.token({ client: 'reader', opaque: true })
      expectTrue('a token that is not a JWT', !token.includes('.'))
      expectEqual('status with an opaque token', (await client.send({ target: '/orders/1', token })).status, 200)
    },
  },
]
