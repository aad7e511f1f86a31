import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { cpuTimes, type LoadResult, load } from '../harness/load.ts'
import type { BenchNode } from '../harness/node.ts'
import { connections, rounds, seconds } from '../harness/options.ts'
import { orders, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import type { Site } from '../harness/site.ts'
import { ratios, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

/** Time in which the node forwards a request that has been sent, ms. */
const FORWARD_MS = 200

/**
 * Runs a load on a node that allows one exchange in flight, while a request is in flight whose service never replies. The
 * node sheds each request of the load.
 */
async function whileShedding(node: BenchNode, run: () => Promise<LoadResult>): Promise<LoadResult> {
  const socket = connect(node.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('GET /silent/1 HTTP/1.1\r\nHost: gate\r\n\r\n')
  await setTimeout(FORWARD_MS)
  try {
    return await run()
  } finally {
    socket.destroy()
  }
}

/** Service that accepts connections and never replies. */
async function startSilent(site: Site): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => undefined))
  site.keep({ stop: async () => void server.close() })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/**
 * Measures the cost of refused requests that need no verification of a signature. The scenario `memory` sends forged
 * signatures, which need one.
 */
export const refused: Scenario<'rounds' | 'seconds' | 'connections'> = {
  name: 'refused',
  about: 'CPU time of a refusal: 401 without and with a malformed token, 403, 404, and 503 of an overloaded node',
  options: { rounds: rounds(4, 1), seconds: seconds(2), connections },
  async run(site, chosen) {
    const policy = policyOf(site.issuer.url, { orders: orders(site.upstream.port) })
    const node = await site.node({ policy })
    const silent = {
      upstreams: [`http://127.0.0.1:${await startSilent(site)}`],
      routes: [{ id: 'silent', match: { path: '/silent/**' }, require: 'public' }],
    }
    const sheddingPolicy = policyOf(site.issuer.url, { orders: orders(site.upstream.port), silent })
    const shedding = await site.node({ policy: sheddingPolicy, settings: { overload: { mode: 'shed', in_flight: 1 } } })
    const known = await site.tokens(100)
    const turn = (status: number, authorizations: string[], path: string) => (): Promise<LoadResult> =>
      load([node], { ...chosen, authorizations, path, status })
    const found = await inTurns(
      {
        missing: turn(401, [], '/orders/1'),
        malformed: turn(401, ['Bearer not.a.token'], '/orders/1'),
        forbidden: turn(403, known, '/admin/1'),
        unmatched: turn(404, known, '/nowhere'),
        admitted: turn(200, known, '/orders/1'),
        shed: () =>
          whileShedding(shedding, () =>
            load([shedding], { ...chosen, authorizations: known, path: '/orders/1', status: 503 }),
          ),
      },
      chosen.rounds,
    )
    const cpu = (results: readonly LoadResult[]) => spread(cpuTimes(results))
    return {
      figures: {
        missing_cpu_us_per_request: cpu(found.missing),
        malformed_cpu_us_per_request: cpu(found.malformed),
        forbidden_cpu_us_per_request: cpu(found.forbidden),
        unmatched_cpu_us_per_request: cpu(found.unmatched),
        admitted_cpu_us_per_request: cpu(found.admitted),
        shed_cpu_us_per_request: cpu(found.shed),
        shed_ratio: spread(ratios(cpuTimes(found.shed), cpuTimes(found.admitted))),
      },
      broken: [],
    }
  },
}
