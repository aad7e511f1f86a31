import { setTimeout as sleep } from 'node:timers/promises'
import { cpuTimeUs } from '../harness/cpu.ts'
import { type LoadResult, load, warmUp } from '../harness/load.ts'
import { logIn } from '../harness/log-in.ts'
import { connections, rounds, seconds, tokens, warm } from '../harness/options.ts'
import { orders, pagesService, policyOf, roomyLimit, withLogin } from '../harness/policy.ts'
import type { RedisUse } from '../harness/redis.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, single, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

/** Number of concurrent logins. */
const AT_ONCE = 8
const IDLE_S = 2

interface Turn {
  readonly result: LoadResult
  readonly use: RedisUse
}

/**
 * Compares users with a login session with users with access tokens: one node, the same requirements, alternating
 * rounds. Measures the cost of a login first.
 */
export const sessionCookie: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens' | 'warm'> = {
  name: 'session',
  about: 'CPU time of a request with a login session, compared with a token; cost of a login',
  options: { rounds: rounds(5, 1), seconds: seconds(3), connections, tokens: tokens(1000, 100), warm },
  choosesGenerator: true,
  async run(site, chosen) {
    const redis = await site.redis()
    const { port } = site.upstream
    const limits = [roomyLimit('leased', 'route')]
    const services = { orders: orders(port, limits), pages: pagesService(port, limits) }
    const node = await site.node({ policy: policyOf(site.issuer.url, services, withLogin), redis: redis.url })
    const { use: idle } = await redis.during(() => sleep(IDLE_S * 1000))

    site.progress(`${chosen.tokens} users log in`)
    const before = cpuTimeUs(node.pid)
    const { result: cookies, use: loginUse } = await redis.during(async () => {
      const logins: string[] = []
      while (logins.length < chosen.tokens) {
        const next = Array.from(
          { length: Math.min(AT_ONCE, chosen.tokens - logins.length) },
          (_, i) => logins.length + i,
        )
        logins.push(...(await Promise.all(next.map((person) => logIn(node.port, person)))))
      }
      return logins
    })
    const loginUs = cpuTimeUs(node.pid) - before

    const authorizations = await site.tokens(chosen.tokens)
    const options = { ...chosen, authorizations, generator: site.generator }
    const turn = (more: { path?: string; cookies?: string[] }) => async (): Promise<Turn> => {
      const { result, use } = await redis.during(() => load([node], { ...options, ...more }))
      const own = (idle.commands / IDLE_S) * chosen.seconds
      return { result, use: { ...use, commands: Math.max(0, use.commands - own) } }
    }
    const turns = { bearer: turn({ path: '/orders/1' }), session: turn({ path: '/pages/1', cookies }) }
    await warmUp([node], options, chosen.warm)
    const found = await inTurns(turns, chosen.rounds, (round, { bearer, session }) => {
      const [a, b] = [bearer.result.cpuUsPerRequest, session.result.cpuUsPerRequest]
      const ratio = `${(b / a).toFixed(2)} ×`
      site.progress(`round ${round}/${chosen.rounds}: token ${a.toFixed(1)} µs, session ${b.toFixed(1)} µs, ${ratio}`)
    })
    const cpu = (of: readonly Turn[]): number[] => of.map(({ result }) => result.cpuUsPerRequest)
    const commands = (of: readonly Turn[]) =>
      spread(of.map(({ result, use }) => (use.commands * 1000) / result.requests))
    return {
      figures: {
        cpu_us_per_request: spread(cpu(found.session)),
        bearer_cpu_us_per_request: spread(cpu(found.bearer)),
        ratio: spread(ratios(cpu(found.session), cpu(found.bearer))),
        requests_per_second: spread(found.session.map(({ result }) => result.requestsPerSecond)),
        busy_percent: spread(found.session.map(({ result }) => result.busyPercent)),
        redis_commands_per_1000: commands(found.session),
        bearer_redis_commands_per_1000: commands(found.bearer),
        login_cpu_us: single(loginUs / cookies.length),
        login_redis_commands: single(loginUse.commands / cookies.length),
      },
      broken: [],
    }
  },
}
