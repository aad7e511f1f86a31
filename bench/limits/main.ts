import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startRedis } from '../../deploy/redis-server.ts'
import { startUpstream } from '../harness/nginx.ts'
import { freePort } from '../harness/process.ts'
import { formatSpread } from '../harness/statistics.ts'
import { BenchIssuer } from '../harness/tokens.ts'
import { type Row, runRow } from './cluster.ts'
import { runCost } from './cost.ts'

const usage = `Usage: node bench/limits/main.ts cluster|cost [options]

  cluster: what gets in where several nodes keep one limit, and what it costs Redis
  cost:    CPU of a node without a limit, with a leased and with an exact one

  --seconds N   length of one run (cluster 4, cost 2)
  --rounds N    of cost (5)
  --only REGEX  of cluster: rows such as "1000/1s 8 leased ×2 0.9"
  --most N      requests a second that the machine can bear: rows with more are left out (4000)
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    most: { type: 'string' },
    only: { type: 'string', default: '' },
  },
})
const [verb] = positionals
if (verb !== 'cluster' && verb !== 'cost') {
  process.stderr.write(usage)
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-limits-'))
const redisPort = await freePort()
const redis = await startRedis({ folder: join(folder, 'redis'), port: redisPort })
const upstream = await startUpstream(join(folder, 'upstream'))
const issuer = await BenchIssuer.start()
const authorization = `Bearer ${await issuer.token(1)}`
const around = {
  folder,
  issuer: issuer.url,
  authorization,
  upstreamPort: upstream.port,
  redisUrl: redis.url,
  redisPid: redis.pid,
}
try {
  if (verb === 'cost') await cost()
  else await cluster()
} finally {
  await upstream.stop()
  await redis.stop()
  issuer.close()
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)

async function cost(): Promise<void> {
  const authorizations = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => `Bearer ${await issuer.token(n)}`),
  )
  const found = await runCost(Number(values.rounds ?? 5), Number(values.seconds ?? 2), around, authorizations)
  for (const kind of ['none', 'leased', 'exact'] as const) {
    const [us, ratio] = [formatSpread(found.cpu_us_per_request[kind], 1), formatSpread(found.ratio[kind], 2)]
    process.stdout.write(`${kind.padEnd(8)} ${us} µs  × ${ratio}\n`)
  }
}

async function cluster(): Promise<void> {
  const most = Number(values.most ?? 4000)
  const sizes: readonly (readonly [limit: number, windowS: number])[] = [
    [10, 1],
    [100, 1],
    [100, 60],
    [1000, 1],
    [10_000, 1],
    [10_000, 10],
  ]
  const rows: Row[] = sizes.flatMap(([limit, windowS]) =>
    ([1, 4, 8] as const).flatMap((nodes) =>
      (['exact', 'leased'] as const).flatMap((mode) =>
        [0.9, 2].flatMap((load) =>
          (nodes === 1 ? [0] : [0, 0.9]).map((lopsided) => ({ nodes, limit, windowS, mode, load, lopsided })),
        ),
      ),
    ),
  )
  process.stdout.write(
    'limit      nodes mode   load  lop  offered admitted  of ideal  over  calls/1000  redis µs/1000\n',
  )
  for (const row of rows) {
    if ((row.load * row.limit) / row.windowS > most) continue
    const label = `${row.limit}/${row.windowS}s ${row.nodes} ${row.mode} ×${row.load} ${row.lopsided}`
    if (!new RegExp(values.only).test(label)) continue
    const found = await runRow(row, Number(values.seconds ?? 4), around)
    const cells = [
      `${row.limit}/${row.windowS}s`.padEnd(10),
      String(row.nodes).padStart(5),
      row.mode.padEnd(6),
      `×${row.load}`.padEnd(5),
      String(row.lopsided).padEnd(3),
      String(found.offered).padStart(8),
      String(found.admitted).padStart(8),
      `${found.admitted_percent.toFixed(1)} %`.padStart(9),
      String(found.over).padStart(5),
      found.redis_calls_per_1000.toFixed(1).padStart(11),
      found.redis_cpu_us_per_1000.toFixed(0).padStart(14),
    ]
    process.stdout.write(`${cells.join(' ')}\n`)
  }
}
