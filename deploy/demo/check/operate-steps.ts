import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { documentOf } from '../admin-call.ts'
import { addService } from '../own-service.ts'
import { loopback } from '../ports.ts'
import { activePolicy } from '../running-policy.ts'
import { nodeNames, type State } from '../state.ts'
import type { CheckClient } from './client.ts'
import { expectEqual } from './expect.ts'
import type { CheckStep } from './step.ts'

/**
 * Number of requests after a change. Each uses a new connection, so that the kernel distributes them over both nodes.
 */
const requests = 8
/**
 * Longest wait until the worker has written the audit records to the audit file, ms. It writes records every second.
 */
const shippedMs = 10_000
const publicRoute = `match: { path: /public/**, methods: [GET] }
        require: `

export const operateSteps: readonly CheckStep[] = [
  {
    title: 'the admin API of each node: 401 without a token, else both nodes with the same policy',
    run: async (client) => {
      const ops = await client.token({ client: 'ops' })
      for (const index of [0, 1] as const) {
        expectEqual('status without a token', (await client.admin(index, 'nodes', undefined)).status, 401)
        const { nodes } = documentOf(await client.admin(index, 'nodes', ops)) as { nodes: Record<string, string>[] }
        expectEqual(
          'nodes',
          nodes.map((node) => node['id']),
          [...nodeNames],
        )
        expectEqual('revisions of the policy', new Set(nodes.map((node) => node['revision'])).size, 1)
      }
    },
  },
  {
    title: 'diff, apply and rollback: a route that becomes narrower is named, closed on both nodes, and open again',
    run: async (client, state) => {
      const { text, change } = await publicPolicy(client, state)
      const narrower = text.replace(`${publicRoute}public`, `${publicRoute}{ scopes: { all: ["orders:read"] } }`)
      const files = { files: [{ name: 'policy.yaml', text: narrower }] }
      const difference = documentOf(await client.admin(0, 'policy/diff', adminToken(state), files))
      const routes = difference['routes'] as { route: string; change: string }[]
      expectEqual(
        'changes',
        routes.map((each) => [each.route, each.change]),
        [['public.read', 'narrower']],
      )
      await expectStatus(client, 200)
      await change('apply', { ...files, against: difference['from'] })
      await expectStatus(client, 401)
      await change('rollback', { to: difference['from'] })
      await expectStatus(client, 200)
    },
  },
  {
    title: 'demo add URL: both nodes protect a new service, 401 without a token, 403 without the scope, else 200',
    run: async (client) => {
      const service = createServer(({ url }, response) => response.end(url))
      await once(service.listen(0, '127.0.0.1'), 'listening')
      try {
        const url = `${loopback((service.address() as AddressInfo).port)}/v1`
        await addService(client.ports, { url, scope: 'reports:read', name: 'mine' })
        const [reader, writer] = [await client.token({ client: 'reader' }), await client.token({ client: 'writer' })]
        for (let i = 0; i < requests; i++) {
          const target = `/mine/things/${i}`
          await client.expectRefused({ target }, 401, 'credential_required')
          await client.expectRefused({ target, token: writer }, 403, 'insufficient_scope')
          const { status, body } = await client.send({ target, token: reader })
          expectEqual('status, and path that the service received', [status, `${body}`], [200, `/v1/things/${i}`])
        }
      } finally {
        service.close()
        service.closeAllConnections()
      }
    },
  },
  {
    title:
      'the worker ships an audit record of every request of this check to a file, and no record is missing in Redis',
    run: async (client, { folder }) => {
      const file = join(folder, 'audit', 'audit.ndjson')
      const missing = () => {
        const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
        return [...client.requestIds].filter((id) => !text.includes(`"gatehouse.request.id":"${id}"`))
      }
      const deadlineMs = performance.now() + shippedMs
      while (missing().length > 0 && performance.now() < deadlineMs) await sleep(200)
      expectEqual('requests without a shipped audit record', missing(), [])
      const reply = await client.admin(0, 'audit/verification', await client.token({ client: 'ops' }))
      expectEqual('findings of the verification', documentOf(reply)['findings'], [])
    },
  },
]

/** Returns the active policy, and a function that changes it and expects both nodes to acknowledge the change. */
async function publicPolicy(client: CheckClient, state: State) {
  const { files } = await activePolicy(client.ports, adminToken(state))
  const change = async (operation: 'apply' | 'rollback', document: object) => {
    const reply = await client.admin(0, `policy/${operation}`, adminToken(state), document)
    const { acknowledged } = documentOf(reply) as { acknowledged: { node: string }[] }
    expectEqual(`nodes that acknowledged the ${operation}`, acknowledged.map(({ node }) => node).sort(), [...nodeNames])
  }
  return { text: files[0]!.text, change }
}

const adminToken = (state: State): string => readFileSync(state.adminToken, 'utf8').trim()

async function expectStatus(client: CheckClient, status: number): Promise<void> {
  for (let i = 0; i < requests; i++) {
    expectEqual('status of the public route', (await client.send({ target: '/public/change' })).status, status)
  }
}
