import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRedis } from '../../deploy/redis-server.ts'
import { AuditLog } from '../../gateway/audit/audit-log.ts'
import { Chain } from '../../gateway/audit/chain.ts'
import { RedisLink } from '../../gateway/redis/redis-link.ts'
import { auditLines } from '../harness/audit-lines.ts'
import { formatSpread, spread } from '../harness/statistics.ts'

/**
 * Measures the cost of an audit record: CPU time of the node, CPU time of Redis, and bytes in Redis. Compares batches
 * of 500 records, as nodes write them, with one XADD command per record. Run: `node bench/micro/audit.ts`.
 */

const BATCH = 500
const BATCHES = 40
const EVENTS = BATCH * BATCHES
const ROUNDS = 7

const key = { id: 'a1', secret: new Uint8Array(32).fill(7) }

async function cpuUs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / EVENTS
}

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
const redis = await startRedis({ folder })
const link = new RedisLink(
  {
    place: { topology: 'standalone', server: { path: join(folder, 'redis.sock') }, database: 0 },
    tls: undefined,
    username: undefined,
    password: undefined,
    prefix: 'gh:',
  },
  () => undefined,
)
const client = link.client('log', 'bench')
while (!client.ready) await new Promise((resolve) => setTimeout(resolve, 10))

async function redisCpuUs(): Promise<number> {
  const info = String(await client.call('INFO', 'cpu'))
  const [, user] = /used_cpu_user_main_thread:([0-9.]+)/.exec(info) ?? []
  const [, system] = /used_cpu_sys_main_thread:([0-9.]+)/.exec(info) ?? []
  return (Number(user) + Number(system)) * 1e6
}

const lineOf = auditLines()

const forms: Record<string, () => Promise<void> | void> = {
  'the line alone': () => {
    let length = 0
    for (let i = 0; i < EVENTS; i++) length += lineOf(i).length
    if (length === 0) throw new Error('no line')
  },
  'line and batch, sealed': () => {
    const chain = new Chain('gate-7f9c', key)
    for (let i = 0; i < EVENTS; i++) {
      chain.add(lineOf(i))
      if ((i + 1) % BATCH === 0) chain.seal()
    }
  },
  'line, batch, and XADD of it': async () => {
    const chain = new Chain('gate-7f9c', key)
    const log = new AuditLog(client, link, 0)
    for (let i = 0; i < EVENTS; i++) {
      chain.add(lineOf(i))
      if ((i + 1) % BATCH === 0) await log.append(chain.seal())
    }
  },
  'line, and an XADD each, 50 at a time': async () => {
    for (let i = 0; i < EVENTS; i += 50) {
      const calls: Promise<unknown>[] = []
      for (let j = i; j < i + 50; j++) calls.push(client.call('XADD', link.keys.auditLog(0), '*', 'line', lineOf(j)))
      await Promise.all(calls)
    }
  },
}

const rows: string[][] = []
for (const [name, run] of Object.entries(forms)) {
  await run()
  const node: number[] = []
  const server: number[] = []
  let bytes = 0
  for (let round = 0; round < ROUNDS; round++) {
    await client.call('DEL', link.keys.auditLog(0))
    const before = await redisCpuUs()
    node.push(await cpuUs(run))
    server.push(((await redisCpuUs()) - before) / EVENTS)
    bytes = Number((await client.call('MEMORY', 'USAGE', link.keys.auditLog(0), 'SAMPLES', 0)) ?? 0) / EVENTS
  }
  rows.push([name, formatSpread(spread(node)), formatSpread(spread(server)), bytes.toFixed(0)])
}
const header = ['PER EVENT', 'NODE µs', 'REDIS µs', 'REDIS BYTES']
const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
for (const row of [header, ...rows]) console.log(row.map((cell, i) => cell.padEnd(widths[i]!)).join('  '))
console.log(`A record has ${Buffer.byteLength(lineOf(1)) + 40} bytes.`)

await link.close()
await redis.stop()
rmSync(folder, { recursive: true, force: true })
process.exit()
