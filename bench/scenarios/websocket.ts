import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../gateway/port.ts'
import { cpuTimeUs, residentBytes } from '../harness/cpu.ts'
import { startForkedService } from '../harness/forked-service.ts'
import { collectGarbage, inspectedAt } from '../harness/inspector.ts'
import { startWebSocketProxy } from '../harness/nginx.ts'
import { connections, rounds, seconds, tokens } from '../harness/options.ts'
import { live, policyOf, roomyLimit } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'
import { EchoLoad, type EchoTarget, openWebSockets } from '../harness/websockets.ts'

const SMALL_BYTES = 100
const LARGE_BYTES = 16 * 1024
/** Time before the measurement of a turn, in which connections and compiler warm up, ms. */
const WARM_MS = 700
/** Time between garbage collections and the measurement of memory, in which the allocator returns memory, ms. */
const SETTLE_MS = 3000
const KIB = 1024

/**
 * Measures the CPU time of a message that a service returns over a WebSocket, with the whole policy: token, roles,
 * addresses, limit, and the check of revocation, expiry and freshness for each message. The reference is nginx, which
 * checks nothing. Also measures the memory of an idle WebSocket after a garbage collection.
 */
export const websocket: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens' | 'idle'> = {
  name: 'websocket',
  about: 'CPU time of an echoed WebSocket message and memory of an idle WebSocket, compared with plain nginx',
  options: {
    rounds: rounds(5, 1),
    seconds: seconds(3),
    connections,
    tokens: tokens(100, 10),
    idle: { about: 'idle WebSockets', usual: 5000, quick: 300 },
  },
  async run(site, chosen) {
    const redis = await site.redis()
    const service = site.keep(await startForkedService(join(import.meta.dirname, '../harness/websocket-service.ts')))
    const bare = site.keep(await startWebSocketProxy(site.newFolder('bare-websocket'), service.port))
    const limits = [roomyLimit('leased', 'route')]
    const plan = {
      policy: policyOf(site.issuer.url, { live: live(service.port, limits) }),
      redis: redis.url,
      settings: { streams: { max_per_address: 100_000 } },
    }
    const node = await site.node(plan)
    const authorizations = await site.tokens(chosen.tokens)

    const cpuOf = (target: EchoTarget, bytes: number) => async (): Promise<number> => {
      const sockets = await openWebSockets(target, chosen.connections, authorizations)
      const load = new EchoLoad(sockets, bytes)
      await sleep(WARM_MS)
      const before = { cpuUs: cpuTimeUs(target.pid), returned: load.returned }
      await sleep(chosen.seconds * 1000)
      const cpuUs = (cpuTimeUs(target.pid) - before.cpuUs) / (load.returned - before.returned)
      load.end()
      return cpuUs
    }
    const idleOf = async (target: EchoTarget, settle: () => Promise<void>): Promise<number> => {
      // The first WebSockets make the process load the code and the facts that all WebSockets share.
      const first = await openWebSockets(target, 100, authorizations)
      await settle()
      const before = residentBytes(target.pid)
      const sockets = await openWebSockets(target, chosen.idle, authorizations)
      await settle()
      const grown = residentBytes(target.pid) - before
      for (const socket of [...first, ...sockets]) socket.terminate()
      return grown / KIB / chosen.idle
    }

    const inspectorPort = await freePort('127.0.0.1')
    const inspected = await site.node({ ...plan, env: { NODE_OPTIONS: inspectedAt(inspectorPort) } })
    const settle = async (): Promise<void> => {
      for (let i = 0; i < 2; i++) await collectGarbage(inspectorPort)
      await sleep(SETTLE_MS)
    }
    const idle = { bare: await idleOf(bare, () => sleep(SETTLE_MS)), gate: await idleOf(inspected, settle) }
    await inspected.stop()
    site.progress(`idle: nginx ${idle.bare.toFixed(1)} KiB, gate ${idle.gate.toFixed(1)} KiB`)
    const found = await inTurns(
      {
        bareSmall: cpuOf(bare, SMALL_BYTES),
        gateSmall: cpuOf(node, SMALL_BYTES),
        bareLarge: cpuOf(bare, LARGE_BYTES),
        gateLarge: cpuOf(node, LARGE_BYTES),
      },
      chosen.rounds,
      (round, { bareSmall, gateSmall, bareLarge, gateLarge }) => {
        const pair = (a: number, b: number): string =>
          `nginx ${a.toFixed(1)} µs, gate ${b.toFixed(1)} µs, ${(b / a).toFixed(2)} ×`
        const progress = `100 B: ${pair(bareSmall, gateSmall)}; 16 KiB: ${pair(bareLarge, gateLarge)}`
        site.progress(`round ${round}/${chosen.rounds}: ${progress}`)
      },
    )
    return {
      figures: {
        small_cpu_us_per_message: spread(found.gateSmall),
        bare_small_cpu_us_per_message: spread(found.bareSmall),
        small_ratio: spread(ratios(found.gateSmall, found.bareSmall)),
        large_cpu_us_per_message: spread(found.gateLarge),
        bare_large_cpu_us_per_message: spread(found.bareLarge),
        large_ratio: spread(ratios(found.gateLarge, found.bareLarge)),
        idle_kib: spread([idle.gate]),
        bare_idle_kib: spread([idle.bare]),
        idle_ratio: spread([idle.gate / idle.bare]),
      },
      broken: [],
    }
  },
}
