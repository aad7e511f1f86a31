import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { callAdmin, documentOf } from './admin-call.ts'
import { expectEqual, expectTrue } from './expect.ts'
import { nodeNames } from './state.ts'
import type { TourStep } from './tour-step.ts'
import type { Tourist } from './tourist.ts'

/** Nodes hand records over five times a second, and the worker ships them every second. */
const shippedWithinMs = 10_000

type AuditRecord = Readonly<Record<string, unknown>>

/** The record of every exchange. Last of the tour: it has all of it. */
export const audits: readonly TourStep[] = [
  {
    title: 'one request has its record: who, what, why, at any node',
    run: async (tourist) => {
      const ops = await tourist.token({ client: 'ops', scope: 'gatehouse:audit' })
      const answer = await tourist.visit({ method: 'GET', target: '/orders/recorded?token=hidden' })
      tourist.noteExchange(answer)
      const id = answer.field('x-request-id')!
      for (const port of tourist.ports.admin) {
        const record = await recordOf(port, id, ops)
        expectEqual(
          'status and reason',
          [record['http.response.status_code'], record['gatehouse.reason']],
          [401, 'credential-missing'],
        )
        expectEqual(
          'method, path and route',
          [record['http.request.method'], record['url.path'], record['gatehouse.route']],
          ['GET', '/orders/recorded', 'orders.read'],
        )
        expectTrue('that the query is in no record', !JSON.stringify(record).includes('hidden'))
      }
    },
  },
  {
    title: 'each exchange of this tour left one record, and the worker has written them all to a file',
    run: async (tourist, { folder }) => {
      const archive = join(folder, 'audit', 'audit.ndjson')
      const deadlineMs = performance.now() + shippedWithinMs
      let statuses = statusesIn(archive)
      while (!hasAll(statuses, tourist) && performance.now() < deadlineMs) {
        await sleep(200)
        statuses = statusesIn(archive)
      }
      for (const [id, status] of tourist.exchanges) {
        expectEqual(`records of exchange ${id}, by status`, statuses.get(id), [status])
      }
    },
  },
  {
    title: "the audit log is whole: each node's chain is verified, with its key",
    run: async (tourist) => {
      const ops = await tourist.token({ client: 'ops', scope: 'gatehouse:audit' })
      const reply = await callAdmin({ port: tourist.ports.admin[0], target: '/api/v1/audit/verification', token: ops })
      expectEqual('status of the verification', reply.status, 200)
      const { findings, chains, records } = documentOf(reply) as {
        findings: unknown
        records: number
        chains: { node: string; end: string; keyed: boolean; lost: number }[]
      }
      expectEqual('what is missing or altered', findings, [])
      expectTrue('at least as many records as exchanges', records >= tourist.exchanges.size)
      expectEqual(
        'chains',
        chains
          .map(({ node, end, keyed, lost }) => ({ node, end, keyed, lost }))
          .sort((a, b) => (a.node < b.node ? -1 : 1)),
        nodeNames.map((node) => ({ node, end: 'running', keyed: true, lost: 0 })),
      )
    },
  },
]

async function recordOf(port: number, request: string, token: string): Promise<AuditRecord> {
  const deadlineMs = performance.now() + shippedWithinMs
  for (;;) {
    const reply = await callAdmin({ port, target: `/api/v1/audit/records?request=${request}`, token })
    expectEqual('status of the search', reply.status, 200)
    const records = documentOf(reply)['records'] as AuditRecord[]
    if (records.length > 0 || performance.now() > deadlineMs) {
      expectEqual(`records of request ${request}`, records.length, 1)
      return records[0]!
    }
    await sleep(100)
  }
}

/** By request id, the statuses of its records: a record that was shipped twice, which may be, counts once. */
function statusesIn(archive: string): Map<string, number[]> {
  const records = new Map<unknown, AuditRecord>()
  const text = existsSync(archive) ? readFileSync(archive, 'utf8') : ''
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    if (line === '') continue
    const record = JSON.parse(line) as AuditRecord
    if (record['kind'] === 'exchange') records.set(record['id'], record)
  }
  const statuses = new Map<string, number[]>()
  for (const record of records.values()) {
    const id = String(record['gatehouse.request.id'])
    statuses.set(id, [...(statuses.get(id) ?? []), Number(record['http.response.status_code'])])
  }
  return statuses
}

const hasAll = (statuses: ReadonlyMap<string, unknown>, { exchanges }: Tourist): boolean =>
  [...exchanges.keys()].every((id) => statuses.has(id))
