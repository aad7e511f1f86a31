import { readFileSync } from 'node:fs'
import { type Document, parseDocument } from 'yaml'
import { callAdmin, documentOf } from '../admin-call.ts'
import type { DemoReply } from '../http-call.ts'
import { activePolicy } from '../running-policy.ts'
import { nodeNames, type State } from '../state.ts'
import type { CheckClient } from './client.ts'
import { expectEqual } from './expect.ts'
import type { CheckStep } from './step.ts'

/** Route of the demo policy that these steps change. It is public. */
const route = 'public.read'
/** Number of requests after a change. Two nodes share the port, so that both decide some of them. */
const requests = 8

/** The tour of the README, by the admin API that the commands `apply`, `diff` and `rollback` call. */
export const policySteps: readonly CheckStep[] = [
  {
    title: 'apply of a policy with a misspelt key: refused with file and line, and nothing changes',
    run: async (client, state) => {
      const token = adminToken(state)
      const before = await activePolicy(client.ports, token)
      const { text, line } = misspelt(before.files[0]!.text)
      const reply = await change(client, token, 'apply', { files: [{ name: 'policy.yaml', text }] })
      expectEqual('status of apply', reply.status, 422)
      const { problems } = documentOf(reply) as { problems: { file: string; line: number; path: string }[] }
      const named = problems.filter(({ path }) => path.endsWith('.requires')).map((each) => [each.file, each.line])
      expectEqual('file and line of the error about the misspelt key', named, [['policy.yaml', line]])
      expectEqual('revision after apply', (await activePolicy(client.ports, token)).number, before.number)
    },
  },
  {
    title: 'diff, apply and rollback: a route that becomes narrower is named, closed on both nodes, and open again',
    run: async (client, state) => {
      const token = adminToken(state)
      const { number, files } = await activePolicy(client.ports, token)
      const text = edited(files[0]!.text, (policy) =>
        policy.setIn(requirePath(policy), { scopes: { all: ['orders:read'] } }),
      )
      const body = { files: [{ name: 'policy.yaml', text }] }
      const difference = documentOf(await change(client, token, 'diff', body))
      const routes = difference['routes'] as { route: string; change: string }[]
      expectEqual(
        'changes that diff lists',
        routes.map((each) => [each.route, each.change]),
        [[route, 'narrower']],
      )
      await expectStatus(client, 200)
      expectActivated(await change(client, token, 'apply', { ...body, against: difference['from'] }), number + 1)
      await expectStatus(client, 401)
      expectActivated(await change(client, token, 'rollback', {}), number + 2)
      await expectStatus(client, 200)
      const after = await activePolicy(client.ports, token)
      expectEqual('files after rollback', after.files, files)
    },
  },
]

function adminToken({ adminToken: path }: State): string {
  return readFileSync(path, 'utf8').trim()
}

/** Calls the first node with an operation on the policy. */
function change({ ports }: CheckClient, token: string, operation: string, document: object): Promise<DemoReply> {
  return callAdmin({ port: ports.admin[0], method: 'POST', target: `/api/v1/policy/${operation}`, token, document })
}

/** A policy with a misspelt key, and the line of the key. */
function misspelt(text: string): { text: string; line: number } {
  const lines = text.split('\n')
  const index = lines.findIndex((line) => line.includes('require: { scopes:'))
  lines[index] = lines[index]!.replace('require:', 'requires:')
  return { text: lines.join('\n'), line: index + 1 }
}

function edited(text: string, edit: (policy: Document) => void): string {
  const policy = parseDocument(text)
  edit(policy)
  return policy.toString({ lineWidth: 0 })
}

/** Path of the requirement of the route in the demo policy. */
function requirePath(policy: Document): (string | number)[] {
  const { services } = policy.toJS() as { services: { files: { routes: { id: string }[] } } }
  return ['services', 'files', 'routes', services.files.routes.findIndex(({ id }) => id === route), 'require']
}

function expectActivated(reply: DemoReply, number: number): void {
  const { acknowledged, ...receipt } = documentOf(reply) as { acknowledged: { node: string }[]; number: number }
  expectEqual('status of the change', reply.status, 200)
  expectEqual('number of the revision', receipt.number, number)
  expectEqual('nodes that acknowledged', acknowledged.map(({ node }) => node).sort(), [...nodeNames])
}

async function expectStatus(client: CheckClient, status: number): Promise<void> {
  for (let i = 0; i < requests; i++) {
    expectEqual('status of the public route', (await client.send({ target: `/public/change/${i}` })).status, status)
  }
}
