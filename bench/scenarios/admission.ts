import { sendAtRandomTimes } from '../harness/arrivals.ts'
import type { BenchNode } from '../harness/node.ts'
import { policyOf } from '../harness/policy.ts'
import type { BenchRedis } from '../harness/redis.ts'
import type { Scenario } from '../harness/scenario.ts'
import { type Admission, mostForCertain, perfectLog } from '../harness/sliding-log.ts'
import { single } from '../harness/statistics.ts'

const modes = ['exact', 'leased'] as const
/** Offered load as a multiple of the rate limit. */
const loads = [0.9, 2] as const
/**
 * Share of the load that goes to the first node only; the remaining load is distributed evenly over all nodes. 0: even
 * load.
 */
const lopsided = [0, 0.9] as const
const IDLE_S = 2

interface Row {
  readonly name: string
  readonly mode: (typeof modes)[number]
  readonly load: number
  readonly lopsided: number
}

const rows: readonly Row[] = modes.flatMap((mode) =>
  loads.flatMap((load) =>
    lopsided.map((lopsided) => ({ name: `${mode}-${load * 10}-${lopsided * 10}`, mode, load, lopsided })),
  ),
)

interface Reply extends Admission {
  readonly admitted: boolean
}

interface RowResult {
  /** Number of admitted requests, as a percentage of those that an exact sliding window would admit. */
  readonly admittedPercent: number
  /**
   * Maximum number of requests above the limit that were certainly admitted within one window, at any position of the
   * window.
   */
  readonly over: number
  readonly callsPer1000: number
}

/**
 * Measures a limit by subject on several nodes: below and above the limit, with even load, and with most load at one
 * node. Reports the admissions relative to an exact sliding window, and the cost in Redis. Each row has its own route
 * and window.
 */
export const admission: Scenario<'nodes' | 'requests' | 'window' | 'seconds'> = {
  name: 'admission',
  about:
    'admissions by a rate limit of the whole cluster, compared with an exact sliding window, and the cost in Redis',
  options: {
    nodes: { about: 'nodes of the cluster', usual: 4, quick: 2 },
    requests: { about: 'requests in a window', usual: 1000, quick: 500 },
    window: { about: 'seconds of the window', usual: 1 },
    seconds: { about: 'length of a row', usual: 4, quick: 1 },
  },
  async run(site, { nodes: count, requests, window, seconds }) {
    const redis = await site.redis()
    const policy = policyOf(site.issuer.url, {
      orders: {
        upstreams: [`http://127.0.0.1:${site.upstream.port}`],
        routes: rows.map(({ name, mode }) => ({
          id: name,
          match: { path: `/${name}/**` },
          require: { scopes: { all: ['orders:read'] } },
          limits: [{ name: 'all', by: 'subject', requests, window: `${window}s`, mode }],
        })),
      },
    })
    const nodes = await site.nodes(count, { policy, redis: redis.url })
    const authorizations = await site.tokens(1)
    // Measure the Redis calls of the cluster without requests: they are subtracted from the calls of each row.
    const { use: idle } = await redis.during(() => new Promise((resolve) => setTimeout(resolve, IDLE_S * 1000)))
    const results: Record<string, RowResult> = {}
    for (const row of rows) {
      const perSecond = (row.load * requests) / window
      const result = await runRow(row, perSecond, {
        nodes,
        redis,
        authorizations,
        seconds,
        idleCalls: idle.calls / IDLE_S,
      })
      results[row.name] = rowResult(result.replies, requests, window * 1000, result.calls)
      const { admittedPercent, over, callsPer1000 } = results[row.name]!
      site.progress(
        `${row.mode}, × ${row.load}, ${row.lopsided === 0 ? 'even' : '90 % at one node'}: ` +
          `${admittedPercent.toFixed(1)} % of ideal, ${over} over, ${callsPer1000.toFixed(0)} calls for 1,000`,
      )
    }
    const of = (mode: Row['mode'], figure: (result: RowResult) => number): number[] =>
      rows.filter((row) => row.mode === mode).map((row) => figure(results[row.name]!))
    const least = (mode: Row['mode']) => single(Math.max(0, 100 - Math.min(...of(mode, (row) => row.admittedPercent))))
    const most = (mode: Row['mode'], figure: (result: RowResult) => number) => single(Math.max(...of(mode, figure)))
    return {
      figures: {
        exact_over_requests: most('exact', (row) => row.over),
        exact_under_percent: least('exact'),
        exact_redis_calls_per_1000: most('exact', (row) => row.callsPer1000),
        leased_over_requests: most('leased', (row) => row.over),
        leased_under_percent: least('leased'),
        leased_redis_calls_per_1000: most('leased', (row) => row.callsPer1000),
      },
      broken: [],
    }
  },
}

interface Around {
  readonly nodes: readonly BenchNode[]
  readonly redis: BenchRedis
  readonly authorizations: readonly string[]
  readonly seconds: number
  /** Redis script calls per second of the cluster without requests. */
  readonly idleCalls: number
}

async function runRow(
  row: Row,
  perSecond: number,
  { nodes, redis, authorizations, seconds, idleCalls }: Around,
): Promise<{ readonly replies: Reply[]; readonly calls: number }> {
  const replies: Reply[] = []
  const { result, use } = await redis.during(() =>
    Promise.all(
      nodes.map((node, i) => {
        const part = (1 - row.lopsided) / nodes.length + (i === 0 ? row.lopsided : 0)
        const path = `/${row.name}/1`
        return sendAtRandomTimes(node, {
          ...{ perSecond: perSecond * part, seconds, connections: 32, authorizations, path },
          onReply: (status, sentMs, repliedMs) => replies.push({ sentMs, repliedMs, admitted: status === 200 }),
        })
      }),
    ),
  )
  const wrong = result
    .flatMap(({ replies: kinds }) => Object.keys(kinds))
    .find((kind) => kind !== '200' && kind !== '429')
  if (wrong !== undefined)
    throw new Error(`the gate replied ${wrong} to a request under a rate limit, expected 200 or 429`)
  return { replies, calls: Math.max(0, use.calls - idleCalls * seconds) }
}

function rowResult(replies: readonly Reply[], limit: number, windowMs: number, calls: number): RowResult {
  const sent = replies.map(({ sentMs }) => sentMs).sort((a, b) => a - b)
  const admitted = replies.filter((reply) => reply.admitted).sort((a, b) => a.sentMs - b.sentMs)
  return {
    admittedPercent: (100 * admitted.length) / perfectLog(sent, limit, windowMs).length,
    over: Math.max(0, mostForCertain(admitted, windowMs) - limit),
    callsPer1000: (1000 * calls) / replies.length,
  }
}
