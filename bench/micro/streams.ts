import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Denial, denial } from '../../gateway/base/denial.ts'
import { noRevocationLookup } from '../../gateway/oauth/token-facts.ts'
import { HashKeys } from '../../gateway/revocation/identity.ts'
import { ANY_TIME, writeRecord } from '../../gateway/revocation/record.ts'
import { StreamRegistry } from '../../gateway/streams/stream-registry.ts'
import type { StreamSelector, StreamView } from '../../gateway/streams/stream-view.ts'
import type { WatchedStream } from '../../gateway/streams/watched-stream.ts'
import { formatSpread, spread } from '../harness/statistics.ts'

/**
 * Measures the registry of streams with 20,000 entries, in process: the time to find and end the only stream of an
 * identity, to end all streams of another identity, and to check and list all streams. Also measures the longest turn
 * of the event loop meanwhile. The end of a stream itself, which closes sockets, is not measured. Run: `node
 * bench/micro/streams.ts`.
 */

const STREAMS = 20_000
const ROUNDS = 9

const keys = new HashKeys(['11'.repeat(32)])
const issuer = 'https://idp.test'
const revoked = denial('token-revoked')

class BenchStream implements WatchedStream {
  readonly kind = 'events'
  readonly holdMs = undefined
  readonly lookups = [noRevocationLookup()]
  readonly #subject: string
  verdict: Denial | undefined

  constructor(subject: string) {
    const hash = keys.hashOf('subject', issuer, subject)
    this.lookups[0]!.hashes = Uint32Array.from({ length: 4 }, (_, i) => hash.readUInt32BE(4 * i))
    this.#subject = subject
  }

  watchedBy(): void {}
  hold(): void {}
  release(): void {}
  end(): void {}
  fail(fault: unknown): void {
    throw fault
  }

  reconsider(): Denial | undefined {
    return this.verdict
  }

  view(): StreamView {
    const counts = { messagesIn: undefined, messagesOut: undefined, bytesIn: 1, bytesOut: 2 }
    const of = { kind: 'events', route: 'live', session: undefined, address: '192.0.2.7' } as const
    return { id: 'stream', issuer, subject: this.#subject, ...of, startedMs: 0, ...counts }
  }

  isSelected({ subject }: StreamSelector): boolean {
    return subject === undefined || subject === this.#subject
  }
}

interface Timed {
  /** Time until the work on all streams is done, ms. */
  readonly ms: number
  /** CPU time of the longest turn of the event loop, ms. Does not depend on other load of the machine. */
  readonly turnMs: number
}

/** CPU time of this thread, ms. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

async function timed(work: () => Promise<unknown> | undefined): Promise<Timed> {
  const startedAt = performance.now()
  const cpuAt = cpuMs()
  let over = false
  const working = work()
  let turnMs = cpuMs() - cpuAt
  const watching = (async () => {
    for (let at = cpuMs(); !over; ) {
      await nextTurn()
      const now = cpuMs()
      turnMs = Math.max(turnMs, now - at)
      at = now
    }
  })()
  await working
  const ms = performance.now() - startedAt
  over = true
  await watching
  return { ms, turnMs }
}

const recordOf = (subject: string): Buffer =>
  writeRecord(keys.hashOf('subject', issuer, subject), ANY_TIME, 4_000_000_000)

const found: Record<string, Timed[]> = {}

async function measure(name: string, work: () => Promise<unknown> | undefined): Promise<void> {
  const list = found[name] ?? []
  found[name] = list
  list.push(await timed(work))
}

for (let round = 0; round <= ROUNDS; round++) {
  const registry = new StreamRegistry({ max: 100_000, maxPerAddress: 100_000, holdMs: 30_000 })
  const streams = Array.from({ length: STREAMS }, (_, i) => new BenchStream(i === 0 ? 'ann' : 'bob'))
  for (const stream of streams) registry.open({ startStream: () => stream })
  await measure('check all', () => registry.catchUp())
  await measure('list of all, and of 200', () => registry.list({}, 200))
  await measure('find and end the stream of one identity', () => {
    streams[0]!.verdict = revoked
    return registry.apply('revoked', recordOf('ann'))
  })
  for (const stream of streams) stream.verdict = revoked
  await measure('find and end 19,999 streams of one identity', () => registry.apply('revoked', recordOf('bob')))
  if (registry.size !== 0) throw new Error(`${registry.size} streams are left`)
  registry.close()
}

for (const [name, [, ...rounds]] of Object.entries(found)) {
  const total = formatSpread(spread(rounds.map(({ ms }) => ms)))
  const turn = formatSpread(spread(rounds.map(({ turnMs }) => turnMs)))
  process.stdout.write(`${name}: ${total} ms, longest turn ${turn} ms of CPU time\n`)
}
