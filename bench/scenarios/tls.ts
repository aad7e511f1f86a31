import { connect } from 'node:tls'
import { makeCertificate } from '../harness/certificate.ts'
import { getRequest } from '../harness/connection.ts'
import { cpuTimeUs } from '../harness/cpu.ts'
import { cpuTimes, load } from '../harness/load.ts'
import { startBareProxy } from '../harness/nginx.ts'
import { connections, rounds, seconds, tokens } from '../harness/options.ts'
import { orders, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, single, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

/** Number of concurrent handshakes. */
const AT_ONCE = 8

/**
 * Measures the CPU time of TLS 1.3: of requests on keep-alive connections, compared with nginx with the same
 * certificate, and of full handshakes.
 */
export const tls: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens' | 'handshakes'> = {
  name: 'tls',
  about: 'CPU time of a request over TLS and of a handshake, compared with nginx',
  options: {
    rounds: rounds(4, 1),
    seconds: seconds(2),
    connections,
    tokens: tokens(100),
    handshakes: { about: 'full handshakes', usual: 2000, quick: 500 },
  },
  async run(site, chosen) {
    const certificate = await makeCertificate(site.newFolder('certificate'))
    const { certFile, keyFile } = certificate
    const policy = policyOf(site.issuer.url, { orders: orders(site.upstream.port) })
    const plain = await site.node({ policy })
    const gate = await site.node({
      policy,
      settings: { tls: { certificates: [{ cert: certFile, key: { file: keyFile } }] } },
    })
    const bare = site.keep(await startBareProxy(site.newFolder('bare-tls'), site.upstream.port, { certificate }))
    const authorizations = await site.tokens(chosen.tokens)
    const found = await inTurns(
      {
        plain: () => load([plain], { ...chosen, authorizations }),
        gate: () => load([gate], { ...chosen, authorizations, tls: true }),
        bare: () => load([bare], { ...chosen, authorizations, tls: true }),
      },
      chosen.rounds,
    )
    const request = getRequest('/orders/1', authorizations[0]!)
    return {
      figures: {
        cpu_us_per_request: spread(cpuTimes(found.gate)),
        plain_cpu_us_per_request: spread(cpuTimes(found.plain)),
        bare_cpu_us_per_request: spread(cpuTimes(found.bare)),
        ratio: spread(ratios(cpuTimes(found.gate), cpuTimes(found.bare))),
        handshake_cpu_us: single(await handshakes(gate, chosen.handshakes, request)),
        bare_handshake_cpu_us: single(await handshakes(bare, chosen.handshakes, request)),
      },
      broken: [],
    }
  },
}

/**
 * Opens connections with a full TLS handshake and one request each. @returns CPU time of the server per connection, µs
 */
async function handshakes(target: { port: number; pid: number }, count: number, request: string): Promise<number> {
  const before = cpuTimeUs(target.pid)
  let left = count
  const some = async (): Promise<void> => {
    while (left-- > 0) await handshake(target.port, request)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, some))
  return (cpuTimeUs(target.pid) - before) / count
}

function handshake(port: number, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'gate.bench', rejectUnauthorized: false })
    socket.once('secureConnect', () => socket.write(request))
    socket.once('data', (bytes: Buffer) => {
      socket.destroy()
      if (bytes.toString('latin1', 0, 12) === 'HTTP/1.1 200') resolve()
      else reject(new Error(`over TLS: ${bytes.toString('latin1', 0, 12)}`))
    })
    socket.once('error', reject)
  })
}
