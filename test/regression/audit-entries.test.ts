import { zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { AuditLog } from '../../gateway/audit/audit-log.ts'
import { packLines } from '../../gateway/audit/batch.ts'
import { LogReader } from '../../gateway/audit/log-reader.ts'
import { LogVerifier } from '../../gateway/audit/log-verifier.ts'
import { AuditWriter } from '../kit/audit-writer.ts'
import { httpReceiver } from '../kit/http-receiver.ts'
import { redisSettingsFor, testLink, testRedis, untilReady } from '../kit/redis.ts'
import { startShipping } from '../kit/shipping-worker.ts'
import { until } from '../kit/until.ts'

// S-151: forged entries in the audit stream become dead letters and stop neither the worker nor later entries.

const { port } = await testRedis()
const writer = new AuditWriter(port)
const receiver = await httpReceiver()
const worker = await startShipping(port, { search: { type: 'http', url: receiver.url } })
const log = 'gh:{a0}:log'

const taken = (id: string) => receiver.taken.some((record) => record['id'] === id)
const deadCount = () => writer.redis.xlen('gh:{a0}:dead:search')

const sealOf = (more: object = {}) =>
  JSON.stringify({
    ...{ v: 1, chain: 'forged', first: 1, last: 1, previous: '0'.repeat(64), lost: 0, sums: '', hash: 'a'.repeat(64) },
    ...more,
  })
const lineOf = (text: string) => packLines(Buffer.from(`${text}\n`))
const record = '"id":"forged-1","time":"2030-01-31T12:00:00.000Z","kind":"exchange"'

test.each([
  { what: 'with unknown stream fields', fields: ['a', 'b'], reason: 'other fields than a batch' },
  {
    what: 'with a seal of another version',
    fields: ['seal', sealOf({ v: 2 }), 'lines', lineOf(`{${record}}`)],
    reason: 'no valid seal of this version',
  },
  { what: 'that is not zstd', fields: ['seal', sealOf(), 'lines', 'garbage'], reason: 'cannot be decompressed' },
  {
    what: 'that decompresses to 200 MB',
    fields: ['seal', sealOf(), 'lines', zstdCompressSync(Buffer.alloc(200 * 1024 * 1024))],
    reason: 'cannot be decompressed',
  },
  {
    what: 'of 100 MB',
    fields: ['seal', sealOf(), 'lines', Buffer.alloc(100 * 1024 * 1024)],
    reason: 'larger than 4 MiB',
  },
  { what: 'whose line is not JSON', fields: ['seal', sealOf(), 'lines', lineOf('<x>')], reason: 'not an audit record' },
  {
    what: 'with the member __proto__',
    fields: ['seal', sealOf(), 'lines', lineOf(`{${record},"__proto__":{"admin":1}}`)],
    reason: 'an invalid field name',
  },
  {
    what: 'with an id that is a path',
    fields: ['seal', sealOf(), 'lines', lineOf(`{${record.replace('forged-1', '../../x')}}`)],
    reason: 'an invalid id',
  },
])(
  'S-151: a worker moves a forged audit entry $what to the dead letters and delivers later entries',
  async ({ fields, reason }) => {
    const before = await deadCount()
    await writer.redis.xadd(log, '*', ...fields)
    await writer.write(2)
    await until('the record after the malformed entry is shipped', () => taken(writer.ids.at(-1)!))

    await until('the malformed entry is a dead letter', async () => (await deadCount()) === before + 1)
    const [[, letter]] = (await writer.redis.xrevrange('gh:{a0}:dead:search', '+', '-', 'COUNT', 1)) as [
      [string, string[]],
    ]
    expect(letter[1]).toContain(reason)
  },
)

test('S-151: a worker survives malformed audit entries and delivers none of them', () => {
  expect(worker.log.some(({ msg }) => msg === 'worker ends because of an unexpected fault')).toBe(false)
  expect(receiver.taken.map(({ id }) => id)).toEqual(writer.ids)
})

test('S-151: the verification of the audit log reports an entry that is larger than 4 MiB', async () => {
  const link = await testLink(redisSettingsFor(port))
  const client = link.client('receipt', 'audit-reader')
  await untilReady(client)
  const streams = [{ log: new AuditLog(client, link, 0), reader: new LogReader(client, link.keys, 0) }]
  const parts = { streams, trail: { head: undefined }, keys: () => [], running: async () => new Set<string>() }
  const { findings } = await new LogVerifier(parts).verify()

  expect(findings.map(({ detail }) => detail)).toContainEqual(expect.stringMatching('is larger than 4 MiB'))
})
