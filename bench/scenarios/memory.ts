import { startBodyService } from '../harness/bodies.ts'
import { type BodyResult, down, up } from '../harness/body-transfer.ts'
import { bodies, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { single } from '../harness/statistics.ts'
import { type FloodResult, flood } from '../memory/flood.ts'
import { type IdleResult, idle } from '../memory/idle.ts'

const MB = 1_000_000

/** Loads one node with large bodies, slow clients, many connections and forged tokens, one after the other. */
export const memoryUse: Scenario<'connections' | 'megabytes' | 'tokens'> = {
  name: 'memory',
  about: 'large bodies, slow clients, many connections, forged tokens: memory, and whether bodies arrive unchanged',
  options: {
    connections: { about: 'idle connections', usual: 10_000, quick: 1000 },
    megabytes: { about: 'size of a body', usual: 200, quick: 40 },
    tokens: { about: 'distinct forged tokens', usual: 5000, quick: 2000 },
  },
  async run(site, { connections, megabytes, tokens }) {
    const service = site.keep(await startBodyService())
    const gate = await site.node({
      policy: policyOf(site.issuer.url, { bodies: bodies(service.port) }),
      // The idle timeout must be longer than the next part of the scenario, in which connections are idle.
      settings: { request: { idle: '2m' } },
    })
    const bytes = megabytes * MB
    await down(gate, 20 * MB, 1000)
    await up(gate, { bytes: 20 * MB, uploads: 1, takenMbPerSecond: 100, sentMbPerSecond: 100 })
    site.progress(`${megabytes} MB down to a client that reads 40 MB/s`)
    const download = await down(gate, bytes, 40)
    site.progress(`${megabytes} MB up at 100 MB/s to a service that reads 40 MB/s`)
    const upload = await up(gate, { bytes, uploads: 1, takenMbPerSecond: 40, sentMbPerSecond: 100 })
    site.progress('10 concurrent uploads at loopback speed to a service that reads 20 MB/s of each')
    const uploads = await up(gate, { bytes: 64 * MB, uploads: 10, takenMbPerSecond: 20 })
    site.progress(`${connections} idle connections`)
    const waiting = await idle(gate, connections)
    if (waiting.connections < connections) {
      site.progress(`only ${waiting.connections} idle connections: the limit of open files allows no more`)
    }
    site.progress(`${tokens} forged tokens from 127.0.0.1, and a client at 127.0.0.2`)
    const forged = await flood(gate, site.issuer, tokens)
    return {
      figures: {
        download_mib: single(download.memory_mib),
        upload_mib: single(upload.memory_mib),
        uploads_mib: single(uploads.memory_mib),
        waiting_connections: single(waiting.connections),
        waiting_mib: single(waiting.memory_mib),
        waiting_kib_per_connection: single(waiting.kib_per_connection),
        verified_forgeries: single(forged.replies[401] ?? 0),
        forgery_cpu_us: single(forged.cpu_us_per_refusal),
      },
      broken: broken({ download, upload, uploads }, waiting, forged),
    }
  },
}

function broken(bodies: Readonly<Record<string, BodyResult>>, idle: IdleResult, flood: FloodResult): string[] {
  const wrong: string[] = []
  const hold = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what)
  }
  for (const [name, { identical }] of Object.entries(bodies))
    hold(identical, `${name}: the body did not arrive unchanged`)
  hold(
    idle.failed_replies === 0,
    `${idle.failed_replies} requests failed while connections were idle or on these connections`,
  )
  const { 401: verified = 0, 429: unverified = 0 } = flood.replies
  hold(
    verified + unverified === flood.tokens,
    `forged tokens got replies other than 401 and 429: ${JSON.stringify(flood.replies)}`,
  )
  const others = Object.keys(flood.other_replies)
  hold(others.length === 1 && flood.other_replies[200]! > 0, 'a client at another address was not served')
  return wrong
}
