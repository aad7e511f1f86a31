import type { HeaderField } from '../../gateway/base/denial.ts'
import { freePort } from '../../gateway/port.ts'
import { checkCall } from '../harness/check-message.ts'
import { type H2LoadOptions, loadByH2load, needH2load } from '../harness/h2load.ts'
import { rounds } from '../harness/options.ts'
import { orders, policyOf, roomyLimit } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

const HOST = 'api.bench'
const CLIENT = '127.0.0.9'
/** Header fields that a browser or client library sends in addition to the token. */
const usual: readonly HeaderField[] = [
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['accept', 'application/json'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['accept-language', 'en-GB,en;q=0.5'],
]

/**
 * Measures the CPU time of a check that admits a request, with the whole policy and an assertion in the reply: over
 * HTTP/1.1 (forward authentication) and over gRPC (Envoy's ext_authz).
 */
export const check: Scenario<'rounds' | 'checks' | 'clients' | 'streams'> = {
  name: 'check',
  about: 'CPU time of a check: forward authentication over HTTP/1.1, and ext_authz of Envoy over gRPC',
  options: {
    rounds: rounds(5, 1),
    checks: { about: 'checks of one turn', usual: 20_000, quick: 4000 },
    clients: { about: 'proxies, with a token each', usual: 8 },
    streams: { about: 'concurrent checks of each proxy', usual: 16 },
  },
  async run(site, chosen) {
    await needH2load(site.progress)
    const redis = await site.redis()
    const port = await freePort('127.0.0.1')
    const node = await site.node({
      policy: policyOf(site.issuer.url, { orders: orders(site.upstream.port, [roomyLimit('leased', 'route')]) }),
      redis: redis.url,
      settings: {
        listen_h2: { address: `127.0.0.1:${port}`, tls: false, ext_authz: true },
        check: { peers: ['127.0.0.1'] },
      },
    })
    const tokens = await site.tokens(chosen.clients)
    const fieldsOf = (authorization: string): HeaderField[] => [...usual, ['authorization', authorization]]
    const plan = { requests: chosen.checks, folder: site.newFolder('bodies') }
    const overHttp: H2LoadOptions = {
      ...plan,
      path: '/.gatehouse/check',
      http1: true,
      connections: chosen.streams,
      streams: 1,
      clients: tokens.map((authorization) => ({
        fields: [
          ...fieldsOf(authorization),
          ['x-forwarded-method', 'GET'],
          ['x-forwarded-uri', '/orders/1'],
          ['x-forwarded-host', HOST],
          ['x-forwarded-for', CLIENT],
          ['x-forwarded-proto', 'http'],
        ],
      })),
    }
    const overGrpc: H2LoadOptions = {
      ...plan,
      path: '/envoy.service.auth.v3.Authorization/Check',
      connections: 1,
      streams: chosen.streams,
      clients: tokens.map((authorization) => ({
        fields: [
          ['content-type', 'application/grpc'],
          ['te', 'trailers'],
        ],
        body: checkCall({ path: '/orders/1', host: HOST, source: CLIENT, fields: fieldsOf(authorization) }),
      })),
    }
    const found = await inTurns(
      {
        http: async () => (await loadByH2load(node, overHttp)).cpuUs,
        grpc: async () => {
          const { cpuUs, bytes } = await loadByH2load({ port, pid: node.pid }, overGrpc)
          if (bytes < ADMITTED_MIN_BYTES) throw new Error(`the replies to checks have ${bytes} bytes each: they deny`)
          return cpuUs
        },
      },
      chosen.rounds,
      (round, { http, grpc }) => {
        const ratio = `${(grpc / http).toFixed(2)} ×`
        site.progress(
          `round ${round}/${chosen.rounds}: HTTP ${http.toFixed(1)} µs, gRPC ${grpc.toFixed(1)} µs, ${ratio}`,
        )
      },
    )
    return {
      figures: {
        http_cpu_us_per_check: spread(found.http),
        grpc_cpu_us_per_check: spread(found.grpc),
        ratio: spread(ratios(found.grpc, found.http)),
      },
      broken: [],
    }
  },
}

/**
 * Minimum size of a reply that admits a request, bytes: it contains an assertion and the names of fields to remove. A
 * reply that denies a request has at most 700 bytes.
 */
const ADMITTED_MIN_BYTES = 900
