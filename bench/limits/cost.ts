import { join } from 'node:path'
import { startGate } from '../harness/gate.ts'
import { load } from '../harness/load.ts'
import { type Spread, spread } from '../harness/statistics.ts'
import type { Around } from './cluster.ts'

const kinds = {
  none: '[]',
  leased: '[{ name: many, by: subject, requests: 1000000000, window: 10s, mode: leased }]',
  exact: '[{ name: many, by: subject, requests: 1000000000, window: 10s, mode: exact }]',
}
type Kind = keyof typeof kinds

export interface CostResult {
  readonly cpu_us_per_request: Readonly<Record<Kind, Spread>>
  /** By the same without a limit, round by round. */
  readonly ratio: Readonly<Record<Kind, Spread>>
}

/** CPU of a node for one request, without a limit, with a leased and with an exact one: in turns, at saturation. */
export async function runCost(
  rounds: number,
  seconds: number,
  around: Around,
  authorizations: readonly string[],
): Promise<CostResult> {
  const { folder, issuer, upstreamPort, redisUrl } = around
  const names = Object.keys(kinds) as Kind[]
  const gates = await Promise.all(
    names.map((name) =>
      startGate(join(folder, `cost-${name}`), issuer, upstreamPort, { limits: kinds[name], redis: redisUrl }),
    ),
  )
  const found: Record<Kind, number[]> = { none: [], leased: [], exact: [] }
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const [i, name] of names.entries()) {
        const { port, pid } = gates[i]!
        const result = await load({ port, pid, seconds, connections: 64, authorizations })
        // The first round warms up.
        if (round > 0) found[name].push(result.cpuUsPerRequest)
      }
    }
  } finally {
    for (const gate of gates) await gate.stop()
  }
  const each = <T>(of: (name: Kind) => T) => ({ none: of('none'), leased: of('leased'), exact: of('exact') })
  return {
    cpu_us_per_request: each((name) => spread(found[name])),
    ratio: each((name) => spread(found[name].map((cost, i) => cost / found.none[i]!))),
  }
}
