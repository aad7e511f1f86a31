import type { Scenario } from '../harness/scenario.ts'
import { single } from '../harness/statistics.ts'
import { startAdmissionService } from './admissions.ts'
import { type LimitCluster, type LimitRow, measureIdle, startLimitCluster } from './limit-cluster.ts'
import { type RowResult, runRow } from './row.ts'
import { compared, rowTable } from './row-table.ts'

const sizes = [1, 4, 8] as const
/** Offered load as a multiple of the rate limit. */
const LOAD = 1.5
/**
 * Minimum share of the due requests that must be sent. With a lower share, the machine does not sustain the offered
 * rate.
 */
const SENT_MIN = 0.95

type Limit = Pick<LimitRow, 'requests' | 'windowS'>

/**
 * Rate limits to try in order. The first limit whose load the machine sustains is reported; if it sustains none, the
 * last limit.
 */
type Ladder = readonly Limit[]

const minute: Ladder = [{ requests: 100, windowS: 60 }]
const small: readonly Ladder[] = [10, 100].map((requests) => [{ requests, windowS: 1 }])
const large: Ladder = [10_000, 5000, 2000, 1000].map((requests) => ({ requests, windowS: 1 }))
const modes = ['exact', 'leased'] as const

/**
 * Measures how accurately the gate enforces rate limits: by size of the limit, mode, number of nodes, and even or
 * uneven load. There is one cluster per number of nodes, and one route per row of the result table. Limits with a
 * window of one minute run in parallel on separate clusters with their own Redis servers, so that they do not affect
 * the other rows.
 */
export const limits: Scenario<'seconds' | 'minute'> = {
  name: 'limits',
  about: 'limits of 10, 100, 10,000 a second and 100 a minute over 1, 4, 8 nodes, exact and leased',
  options: {
    seconds: { about: 'length of a row, seconds', usual: 6, quick: 2 },
    minute: { about: 'length of a row with a window of one minute, seconds', usual: 75, quick: 5 },
  },
  async run(site, chosen) {
    const service = site.keep(await startAdmissionService())
    const start = (nodes: number, of: readonly Limit[]) => startLimitCluster(site, service, nodes, rowsOf(of, nodes))
    const started = []
    for (const size of sizes) started.push(await start(size, minute), await start(size, [...small, large].flat()))
    const clusters = await Promise.all(started.map(measureIdle))
    const [slow, fast] = [clusters.filter((_, i) => i % 2 === 0), clusters.filter((_, i) => i % 2 === 1)]
    const results: RowResult[] = []
    const broken: string[] = []
    const measure = async (ladder: Ladder, kind: Kind, cluster: LimitCluster, length: number): Promise<void> => {
      for (const [i, limit] of ladder.entries()) {
        const row = rowOf(limit, cluster.nodes.length, kind)
        try {
          const perSecond = (LOAD * limit.requests) / limit.windowS
          const result = await runRow(row, { perSecond, seconds: length }, cluster)
          const { idealPercent, over, sentPart } = result
          const sent = sentPart < SENT_MIN ? `, ${Math.round(100 * sentPart)} % of the load could be sent` : ''
          site.progress(`${row.name}: ${idealPercent.toFixed(1)} % of ideal, ${over} over${sent}`)
          if (sentPart < SENT_MIN && i < ladder.length - 1 && over === 0) continue
          results.push(result)
        } catch (error) {
          broken.push(`${row.name}: ${(error as Error).message}`)
        }
        return
      }
    }
    const all = async (ladders: readonly Ladder[], cluster: LimitCluster, length: number): Promise<void> => {
      for (const ladder of ladders) {
        for (const kind of kindsOf(cluster.nodes.length)) await measure(ladder, kind, cluster, length)
      }
    }
    const others = async (): Promise<void> => {
      for (const cluster of fast) await all([...small, large], cluster, chosen.seconds)
    }
    await Promise.all([...slow.map((cluster) => all([minute], cluster, chosen.minute)), others()])
    for (const { name, others } of results) {
      if (Object.keys(others).length > 0) broken.push(`${name}: replies ${JSON.stringify(others)}`)
    }
    const most = (mode: LimitRow['mode'], figure: (result: RowResult) => number) =>
      single(Math.max(...results.filter((row) => row.mode === mode).map(figure)))
    const under = ({ idealPercent }: RowResult): number => Math.max(0, 100 - idealPercent)
    return {
      figures: {
        rows: single(results.length),
        exact_over_requests: most('exact', ({ over }) => over),
        exact_under_percent: most('exact', under),
        leased_over_requests: most('leased', ({ over }) => over),
        leased_under_percent: most('leased', under),
        slew_us: single(Math.max(...results.map(({ slewUs }) => Math.abs(slewUs)))),
      },
      broken,
      tables: [rowTable(results.toSorted(compared))],
    }
  },
}

type Kind = Pick<LimitRow, 'mode' | 'lopsided'>

/** Returns the modes and load distributions to measure. A single node has no uneven load. */
function kindsOf(nodes: number): Kind[] {
  return modes.flatMap((mode) => (nodes === 1 ? [0] : [0, 0.9]).map((lopsided) => ({ mode, lopsided })))
}

function rowsOf(limits: readonly Limit[], nodes: number): LimitRow[] {
  return limits.flatMap((limit) => kindsOf(nodes).map((kind) => rowOf(limit, nodes, kind)))
}

function rowOf(limit: Limit, nodes: number, kind: Kind): LimitRow {
  const { requests, windowS } = limit
  const name = `${kind.mode}-${requests}-in-${windowS}s-at-${nodes}${kind.lopsided === 0 ? '' : '-lopsided'}`
  return { ...limit, ...kind, name }
}
