import type { Scenario } from '../harness/scenario.ts'
import { single } from '../harness/statistics.ts'
import { startAdmissionService } from './admissions.ts'
import { type LimitCluster, type Row, startLimitCluster } from './limit-cluster.ts'
import { type RowResult, runRow } from './row.ts'
import { compared, rowTable } from './row-table.ts'

const sizes = [1, 4, 8] as const
/** Offered, in multiples of the limit. */
const LOAD = 1.5
/** Less than this part of what was to be sent: the machine does not bear the rate. */
const BORNE = 0.97

type Limit = Pick<Row, 'requests' | 'windowS'>

const seconds: readonly Limit[] = [10, 100].map((requests) => ({ requests, windowS: 1 }))
/** The largest that the machine bears is what counts. */
const large: readonly Limit[] = [10_000, 5000, 2000, 1000].map((requests) => ({ requests, windowS: 1 }))
const minute: Limit = { requests: 100, windowS: 60 }
const modes = ['exact', 'leased'] as const

/**
 * The promise of a limit, for sizes of limits, modes, numbers of nodes, and load that is even or not: a cluster for each
 * number of nodes, a route for each row. What lasts a minute runs beside the rest, on clusters of its own, so that each row
 * has a Redis for itself.
 */
export const limits: Scenario<'seconds' | 'minute'> = {
  name: 'limits',
  about: 'limits of 10, 100, 10,000 a second and 100 a minute over 1, 4, 8 nodes, exact and leased',
  options: {
    seconds: { about: 'length of a row', usual: 6, quick: 2 },
    minute: { about: 'length of a row whose window is a minute', usual: 75, quick: 5 },
  },
  async run(site, chosen) {
    const service = site.keep(await startAdmissionService())
    const start = (nodes: number, of: readonly Limit[]) =>
      startLimitCluster(
        site,
        service,
        nodes,
        of.flatMap((limit) => rowsOf(limit, nodes)),
      )
    const [slow, fast]: [LimitCluster[], LimitCluster[]] = [[], []]
    for (const size of sizes) {
      slow.push(await start(size, [minute]))
      fast.push(await start(size, [...seconds, ...large]))
    }
    const results: RowResult[] = []
    const measure = async (row: Row, cluster: LimitCluster, rowSeconds: number): Promise<RowResult> => {
      const perSecond = (LOAD * row.requests) / row.windowS
      return runRow(row, { perSecond, seconds: rowSeconds }, cluster)
    }
    const keep = (result: RowResult): void => {
      results.push(result)
      site.progress(`${result.name}: ${result.idealPercent.toFixed(1)} % of ideal, ${result.over} over`)
    }
    const minutes = async (cluster: LimitCluster): Promise<void> => {
      for (const row of rowsOf(minute, cluster.nodes.length)) keep(await measure(row, cluster, chosen.minute))
    }
    const others = async (): Promise<void> => {
      for (const cluster of fast) {
        const { length } = cluster.nodes
        for (const limit of seconds) {
          for (const row of rowsOf(limit, length)) keep(await measure(row, cluster, chosen.seconds))
        }
        for (const kind of kindsOf(length)) {
          for (const limit of large) {
            const result = await measure(rowOf(limit, length, kind), cluster, chosen.seconds)
            if (result.offeredPerSecond >= BORNE * LOAD * limit.requests) {
              keep(result)
              break
            }
            site.progress(`${result.name}: only ${result.offeredPerSecond.toFixed(0)} a second could be sent`)
          }
        }
      }
    }
    await Promise.all([...slow.map(minutes), others()])
    const most = (mode: Row['mode'], figure: (result: RowResult) => number) =>
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
      broken: results
        .filter(({ others }) => Object.keys(others).length > 0)
        .map(({ name, others }) => `${name}: replies ${JSON.stringify(others)}`),
      tables: [rowTable(results.toSorted(compared))],
    }
  },
}

type Kind = Pick<Row, 'mode' | 'lopsided'>

/** One node has all of the load either way. */
function kindsOf(nodes: number): Kind[] {
  return modes.flatMap((mode) => (nodes === 1 ? [0] : [0, 0.9]).map((lopsided) => ({ mode, lopsided })))
}

function rowsOf(limit: Limit, nodes: number): Row[] {
  return kindsOf(nodes).map((kind) => rowOf(limit, nodes, kind))
}

function rowOf(limit: Limit, nodes: number, kind: Kind): Row {
  const { requests, windowS } = limit
  const name = `${kind.mode}-${requests}-in-${windowS}s-at-${nodes}${kind.lopsided === 0 ? '' : '-lopsided'}`
  return { ...limit, ...kind, name }
}
