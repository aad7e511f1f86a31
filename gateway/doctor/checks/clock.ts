import { IssuerHttp } from '../../issuers/issuer-http.ts'
import { redisTimeMs } from '../../redis/redis-time.ts'
import type { DoctorCheck, DoctorTask, Examined } from '../doctor-check.ts'
import { failedCheck, type Outcome, ok, unknown } from '../finding.ts'
import { issuersIn } from '../issuers-in.ts'

/** Largest accepted difference between the clocks of this machine and of Redis, ms. */
const REDIS_OFFSET_MAX_MS = 1000
/** Resolution of the reply field `Date`, from which the clock of an issuer is read, ms. */
const DATE_STEP_MS = 1000

/** Compares the clock of this machine with those of Redis (`TIME`) and of the issuers (the field `Date` of a reply). */
export const clock: DoctorCheck = {
  name: 'clock',
  remedy: 'check the connection to Redis and to the issuer first',
  tasks: (examined) => [...(examined.redis === undefined ? [] : [redisClock(examined)]), ...issuerClocks(examined)],
}

function redisClock({ connectRedis }: Examined): DoctorTask {
  return {
    subject: 'Redis',
    onError: 'unknown',
    async run() {
      const client = await connectRedis()
      const sentMs = Date.now()
      const redisMs = await redisTimeMs(client)
      const receivedMs = Date.now()
      const offsetMs = redisMs - (sentMs + receivedMs) / 2
      return outcomeOf(offsetMs, REDIS_OFFSET_MAX_MS + (receivedMs - sentMs) / 2, 'Redis')
    },
  }
}

function issuerClocks({ snapshot }: Examined): DoctorTask[] {
  return issuersIn(snapshot).map((rules) => ({
    subject: `issuer ${rules.name}`,
    onError: 'unknown',
    async run(signal) {
      const http = new IssuerHttp({ maxBytes: 1 })
      try {
        const sentMs = Date.now()
        const reply = await http.send(rules.issuer, { method: 'GET', headers: {}, signal })
        const receivedMs = Date.now()
        const statedMs = Date.parse(reply.field('date'))
        reply.discard()
        if (Number.isNaN(statedMs))
          return unknown('the reply of the issuer has no field Date', 'compare the clocks of both machines')
        const offsetMs = statedMs + DATE_STEP_MS / 2 - (sentMs + receivedMs) / 2
        const maxMs = rules.clockToleranceS * 1000 + DATE_STEP_MS + (receivedMs - sentMs) / 2
        return outcomeOf(offsetMs, maxMs, `issuer ${rules.name}`)
      } finally {
        await http.close()
      }
    },
  }))
}

function outcomeOf(offsetMs: number, maxMs: number, other: string): Outcome {
  const seconds = (Math.abs(offsetMs) / 1000).toFixed(1)
  if (Math.abs(offsetMs) <= maxMs) return ok(`differs by at most ${Math.ceil((Math.abs(offsetMs) + 1) / 1000)} s`)
  const direction = offsetMs > 0 ? 'behind' : 'ahead of'
  return failedCheck(
    `the clock of this machine is ${seconds} s ${direction} the clock of ${other}`,
    'synchronize the clocks of both machines (chrony, systemd-timesyncd)',
  )
}
