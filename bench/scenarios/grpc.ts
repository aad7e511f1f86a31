import { freePort } from '../../gateway/port.ts'
import { type H2LoadOptions, loadByH2load, needH2load } from '../harness/h2load.ts'
import { startGrpcProxy, startGrpcService } from '../harness/nginx.ts'
import { rounds } from '../harness/options.ts'
import { grpcOrders, policyOf, roomyLimit } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

const PATH = '/bench.Orders/Get'
/** gRPC message in both directions: the prefix of five bytes, then six bytes. */
const MESSAGE = Buffer.from('\0\0\0\0\x06order1', 'latin1')

/**
 * Measures the CPU time of a small unary gRPC call with the whole policy: token, roles, addresses, limit, assertion. The
 * reference is nginx with `grpc_pass`, which checks nothing. Measured with some connections that carry many calls, as a
 * gRPC client opens them, and with connections that carry one call at a time.
 */
export const grpc: Scenario<'rounds' | 'calls' | 'clients' | 'streams'> = {
  name: 'grpc',
  about: 'CPU time of a small unary gRPC call, compared with plain nginx (grpc_pass)',
  options: {
    rounds: rounds(5, 1),
    calls: { about: 'calls of one turn', usual: 20_000, quick: 4000 },
    clients: { about: 'clients, with a token and a connection each', usual: 8 },
    streams: { about: 'concurrent calls of each client', usual: 16 },
  },
  async run(site, chosen) {
    await needH2load(site.progress)
    const redis = await site.redis()
    const service = site.keep(await startGrpcService(site.newFolder('grpc-service'), MESSAGE))
    const bare = site.keep(await startGrpcProxy(site.newFolder('bare-grpc'), service.port))
    const port = await freePort('127.0.0.1')
    const node = await site.node({
      policy: policyOf(site.issuer.url, { orders: grpcOrders(service.port, [roomyLimit('leased', 'route')]) }),
      redis: redis.url,
      settings: { listen_h2: { address: `127.0.0.1:${port}`, tls: false } },
    })
    const tokens = await site.tokens(chosen.clients)
    const plan = {
      path: PATH,
      requests: chosen.calls,
      folder: site.newFolder('bodies'),
      clients: tokens.map((authorization) => ({
        fields: [
          ['content-type', 'application/grpc'],
          ['te', 'trailers'],
          ['authorization', authorization],
        ] as const,
        body: MESSAGE,
      })),
    }
    const many = { ...plan, connections: 1, streams: chosen.streams }
    const single = { ...plan, connections: 8, streams: 1 }
    const gate = { port, pid: node.pid }
    const cpuOf = (target: typeof gate, options: H2LoadOptions) => async (): Promise<number> => {
      const { cpuUs, bytes } = await loadByH2load(target, options)
      if (bytes !== MESSAGE.length)
        throw new Error(`the gRPC calls got ${bytes} bytes each instead of ${MESSAGE.length}`)
      return cpuUs
    }
    // Warm up: on a busy machine, the first calls can arrive before the node has got the permits of the limit from
    // Redis.
    await loadByH2load(gate, many)
    const found = await inTurns(
      {
        bareMany: cpuOf(bare, many),
        gateMany: cpuOf(gate, many),
        bareSingle: cpuOf(bare, single),
        gateSingle: cpuOf(gate, single),
      },
      chosen.rounds,
      (round, { bareMany, gateMany, bareSingle, gateSingle }) => {
        const pair = (a: number, b: number): string =>
          `nginx ${a.toFixed(1)} µs, gate ${b.toFixed(1)} µs, ${(b / a).toFixed(2)} ×`
        const progress = `many calls: ${pair(bareMany, gateMany)}; single calls: ${pair(bareSingle, gateSingle)}`
        site.progress(`round ${round}/${chosen.rounds}: ${progress}`)
      },
    )
    return {
      figures: {
        cpu_us_per_call: spread(found.gateMany),
        bare_cpu_us_per_call: spread(found.bareMany),
        ratio: spread(ratios(found.gateMany, found.bareMany)),
        single_cpu_us_per_call: spread(found.gateSingle),
        bare_single_cpu_us_per_call: spread(found.bareSingle),
        single_ratio: spread(ratios(found.gateSingle, found.bareSingle)),
      },
      broken: [],
    }
  },
}
