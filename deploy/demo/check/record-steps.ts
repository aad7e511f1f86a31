import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { callAdmin, documentOf } from '../admin-call.ts'
import { nodeNames } from '../state.ts'
import { expectEqual, expectTrue } from './expect.ts'
import type { CheckStep } from './step.ts'

/**
 * Longest wait for records, ms. The nodes write audit records five times per second, and the worker ships records every
 * second.
 */
const limitMs = 10_000

type JsonLine = Readonly<Record<string, unknown>>

export const recordSteps: readonly CheckStep[] = [
  {
    title: 'the access logs contain every request of this check once, with its status',
    run: async ({ exchanges }, state) => {
      const files = nodeNames.map((node) => state.nodeLog(node))
      await expectEach(exchanges, () =>
        files.flatMap(jsonLines).flatMap(({ msg, id, status }) => (msg === 'exchange' ? [[id, status] as const] : [])),
      )
    },
  },
  {
    title: 'the audit log contains every request of this check once, and the worker has shipped it to a file',
    run: async ({ exchanges }, { folder }) => {
      await expectEach(exchanges, () => {
        const records = jsonLines(join(folder, 'audit', 'audit.ndjson')).filter(({ kind }) => kind === 'exchange')
        // The worker can ship an audit record twice. Both copies have the same id.
        const unique = new Map(records.map((record) => [record['id'], record]))
        return [...unique.values()].map(
          (record) => [record['gatehouse.request.id'], record['http.response.status_code']] as const,
        )
      })
    },
  },
  {
    title: 'the audit log in Redis is complete and unmodified, with a chain for each node',
    run: async (client) => {
      const token = await client.token({ client: 'ops', scope: 'gatehouse:audit' })
      const reply = await callAdmin({ port: client.ports.admin[0], target: '/api/v1/audit/verification', token })
      expectEqual('status of the verification', reply.status, 200)
      const { findings, chains, records } = documentOf(reply) as {
        findings: unknown
        records: number
        chains: { node: string; end: string; keyed: boolean; lost: number }[]
      }
      expectEqual('findings', findings, [])
      expectTrue('at least as many records as requests', records >= client.exchanges.size)
      const found = chains.map(({ node, end, keyed, lost }) => [node, end, keyed, lost]).sort()
      expectEqual(
        'chains',
        found,
        nodeNames.map((node) => [node, 'running', true, 0]),
      )
    },
  },
]

/** Waits until every request id is found, then checks that each id occurs exactly once, with the expected status. */
async function expectEach(
  exchanges: ReadonlyMap<string, number>,
  find: () => readonly (readonly [id: unknown, status: unknown])[],
): Promise<void> {
  const deadlineMs = performance.now() + limitMs
  let found = find()
  while (performance.now() < deadlineMs && !hasAll(exchanges, found)) {
    await sleep(200)
    found = find()
  }
  const byId = Map.groupBy(found, ([id]) => id)
  expectTrue('at least 100 requests in this check', exchanges.size >= 100)
  for (const [id, status] of exchanges) {
    expectEqual(
      `entries of request ${id}, by status`,
      (byId.get(id) ?? []).map(([, each]) => each),
      [status],
    )
  }
}

function hasAll(exchanges: ReadonlyMap<string, number>, found: readonly (readonly [unknown, unknown])[]): boolean {
  const ids = new Set(found.map(([id]) => id))
  return [...exchanges.keys()].every((id) => ids.has(id))
}

/** Returns the complete lines of a file that are JSON objects. The last line can still be incomplete. */
function jsonLines(path: string): readonly JsonLine[] {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as JsonLine] : []))
}
