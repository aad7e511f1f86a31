import { setTimeout } from 'node:timers/promises'
import { freePort } from '../../gateway/port.ts'
import { residentBytes } from '../harness/cpu.ts'
import type { LoadTarget } from '../harness/drive.ts'
import { Inspector, inspectedAt } from '../harness/inspector.ts'
import { cpuTimes, type LoadResult, load, warmUp } from '../harness/load.ts'
import { scrapedMetrics } from '../harness/metric.ts'
import type { BenchNode } from '../harness/node.ts'
import { connections, rounds, seconds, tokens, warm } from '../harness/options.ts'
import { orders, policyOf, roomyLimit } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import type { Site } from '../harness/site.ts'
import { ratios, type Spread, single, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'
import { startForwarder, startLoggingNginx } from '../peers/start.ts'

const MIB = 1024 * 1024
/** Wait until the audit records of a load are counted, ms: longer than the longest delay of a batch. */
const RECORDED_MS = 1000

/**
 * Measures the CPU time of requests with cached tokens that pass all phases: route, address, cached token facts,
 * revocation, scopes, role, leased limit, assertion, log line, audit record, metrics. The references are nginx with a
 * plain `proxy_pass`, nginx with an access log in JSON, and a forwarder with the gate's listener and upstream client.
 *
 * Also measures requests that all have the same token, requests to a public route, refused requests, and a node without
 * Redis, which writes no audit records.
 */
export const hot: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens' | 'warm'> = {
  name: 'hot',
  about: 'CPU time of a request with a cached token, compared with nginx and with a forwarder without policy',
  options: { rounds: rounds(5, 1), seconds: seconds(3), connections, tokens: tokens(1000), warm },
  choosesGenerator: true,
  async run(site, chosen) {
    const redis = await site.redis()
    const policy = policyOf(site.issuer.url, { orders: orders(site.upstream.port, [roomyLimit('leased', 'route')]) })
    const node = await site.node({ policy, redis: redis.url })
    const unaudited = await site.node({ policy })
    const [logging, forwarder] = [await startLoggingNginx(site), await startForwarder(site)]
    const authorizations = await site.tokens(chosen.tokens)
    const { generator } = site
    const helpers = { redis, upstream: site.upstream }
    const options = { ...chosen, authorizations, generator }
    for (const target of [node, unaudited, logging, forwarder, site.bare]) await warmUp([target], options, chosen.warm)
    const turn = (target: LoadTarget, more: Partial<Parameters<typeof load>[1]> = {}) => {
      return (): Promise<LoadResult> => load([target], { ...options, ...more })
    }
    const before = await recordsOf(node)
    let served = 0
    const counted = (run: () => Promise<LoadResult>) => async (): Promise<LoadResult> => {
      const result = await run()
      served += result.requests
      return result
    }
    const found = await inTurns(
      {
        bare: turn(site.bare, { helpers: { upstream: site.upstream } }),
        logging: turn(logging),
        forwarder: turn(forwarder),
        gate: counted(turn(node, { helpers })),
        unaudited: turn(unaudited),
        one: counted(turn(node, { authorizations: authorizations.slice(0, 1) })),
        open: counted(turn(node, { authorizations: [], path: '/open/1' })),
        refused: counted(turn(node, { authorizations: [], path: '/orders/1', status: 401 })),
      },
      chosen.rounds,
      (round, { bare, forwarder, gate }) => {
        const [a, b, c] = [bare, forwarder, gate].map(({ cpuUsPerRequest }) => cpuUsPerRequest) as [
          number,
          number,
          number,
        ]
        site.progress(
          `round ${round}/${chosen.rounds}: nginx ${a.toFixed(1)} µs, forwarder ${b.toFixed(1)} µs, gate ${c.toFixed(1)} µs, ${(c / b).toFixed(2)} ×`,
        )
      },
    )
    await setTimeout(RECORDED_MS)
    const records = (await recordsOf(node)) - before
    const allocated = await allocatedBytes(site, policy, redis.url, { ...options, seconds: 2 }, chosen.warm)
    return {
      figures: {
        ...timesOf(found),
        helper_redis_us_per_request: spread(found.gate.map((result) => result.helperCpuUsPerRequest['redis']!)),
        helper_upstream_us_per_request: spread(found.gate.map((result) => result.helperCpuUsPerRequest['upstream']!)),
        allocated_bytes_per_request: single(allocated),
        resident_mib: single(residentBytes(node.pid) / MIB),
      },
      broken: recordsText(records, served, chosen.connections * found.gate.length * 8),
    }
  },
}

type Contender = 'bare' | 'logging' | 'forwarder' | 'gate' | 'unaudited' | 'one' | 'open' | 'refused'

function timesOf(found: Readonly<Record<Contender, readonly LoadResult[]>>): Record<string, Spread> {
  const [gate, bare, forwarder] = [cpuTimes(found.gate), cpuTimes(found.bare), cpuTimes(found.forwarder)]
  const [open, unaudited, refused] = [cpuTimes(found.open), cpuTimes(found.unaudited), cpuTimes(found.refused)]
  return {
    cpu_us_per_request: spread(gate),
    main_cpu_us_per_request: spread(found.gate.map((result) => result.mainCpuUsPerRequest)),
    bare_cpu_us_per_request: spread(bare),
    logging_cpu_us_per_request: spread(cpuTimes(found.logging)),
    forwarder_cpu_us_per_request: spread(forwarder),
    unaudited_cpu_us_per_request: spread(unaudited),
    one_token_cpu_us_per_request: spread(cpuTimes(found.one)),
    open_cpu_us_per_request: spread(open),
    refused_cpu_us_per_request: spread(refused),
    ratio: spread(ratios(gate, bare)),
    logging_ratio: spread(ratios(gate, cpuTimes(found.logging))),
    forwarder_ratio: spread(ratios(gate, forwarder)),
    forwarder_to_nginx_ratio: spread(ratios(forwarder, bare)),
    refused_ratio: spread(ratios(refused, forwarder)),
    audit_share_percent: spread(gate.map((us, round) => 100 * (1 - unaudited[round]! / us))),
    policy_us_per_request: spread(gate.map((us, round) => us - open[round]!)),
    requests_per_second: spread(found.gate.map((result) => result.requestsPerSecond)),
    bare_requests_per_second: spread(found.bare.map((result) => result.requestsPerSecond)),
    busy_percent: spread(found.gate.map((result) => result.busyPercent)),
    bare_busy_percent: spread(found.bare.map((result) => result.busyPercent)),
  }
}

/** Number of audit records that the node has accepted. @throws {Error} when the node has lost a record */
async function recordsOf(node: BenchNode): Promise<number> {
  const [lost, records] = ['gatehouse_audit_lost_records_total', 'gatehouse_audit_records_total'] as const
  const counts = await scrapedMetrics(node.adminPort, [lost, records])
  if (counts[lost] !== 0) throw new Error(`the node has lost ${counts[lost]} audit records`)
  return counts[records]
}

/**
 * A run is void unless each request has its audit record.
 *
 * @param cut  requests that load generators sent, but whose replies they did not wait for
 */
function recordsText(records: number, served: number, cut: number): string[] {
  if (records >= served && records <= served + cut) return []
  return [`void: ${records} audit records of ${served} requests`]
}

/** Bytes that a node allocates per request, measured on a node of its kind, because the inspector slows it down. */
async function allocatedBytes(
  site: Site,
  policy: BenchNodePolicy,
  redis: string,
  options: Parameters<typeof load>[1],
  warmRequests: number,
): Promise<number> {
  const inspectorPort = await freePort('127.0.0.1')
  const node = await site.node({ policy, redis, env: { NODE_OPTIONS: inspectedAt(inspectorPort) } })
  await warmUp([node], options, warmRequests)
  const inspector = await Inspector.attach(inspectorPort)
  let requests = 0
  const bytes = await inspector.allocatedBytes(async () => {
    requests = (await load([node], options)).requests
  })
  inspector.detach()
  return bytes / requests
}

type BenchNodePolicy = ReturnType<typeof policyOf>
