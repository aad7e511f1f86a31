import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { type Denial, denial } from '../../../gateway/base/denial.ts'
import { noRevocationLookup, type RevocationMemo } from '../../../gateway/oauth/token-facts.ts'
import { HashKeys } from '../../../gateway/revocation/identity.ts'
import { ANY_TIME, writeRecord } from '../../../gateway/revocation/record.ts'
import { StreamRegistry } from '../../../gateway/streams/stream-registry.ts'
import type { StreamKind, StreamSelector, StreamView } from '../../../gateway/streams/stream-view.ts'
import type { StreamWatch, WatchedStream } from '../../../gateway/streams/watched-stream.ts'

// A stream is a long reply or upload. The gate checks the credential of a stream periodically, before the stream relays
// data, and when a revocation of that credential arrives.

const keys = new HashKeys(['11'.repeat(32)])
const revoked = denial('token-revoked')
const stale = denial('revocation-stale')
const issuer = 'https://idp.test'

/** A stream of one subject that records the calls of the stream registry. */
class TestStream implements WatchedStream {
  kind: StreamKind = 'events'
  readonly lookups: readonly RevocationMemo[]
  readonly did: string[] = []
  watch!: StreamWatch
  verdict: Denial | undefined
  holdMs: number | undefined
  checks = 0
  readonly subject: string
  readonly #memo = noRevocationLookup()

  constructor(subject: string) {
    this.subject = subject
    this.#memo.hashes = new Uint32Array(4)
    this.index(keys, subject)
    this.lookups = [this.#memo]
  }

  index(under: HashKeys, subject: string): void {
    const hash = under.hashOf('subject', issuer, subject)
    this.#memo.hashes = Uint32Array.from({ length: 4 }, (_, i) => hash.readUInt32BE(4 * i))
  }

  watchedBy(watch: StreamWatch): void {
    this.watch = watch
  }

  reconsider(): Denial | undefined {
    this.checks++
    return this.verdict
  }

  hold(): void {
    this.did.push('hold')
  }

  release(): void {
    this.did.push('release')
  }

  end({ reason }: Denial): void {
    this.did.push(`end ${reason}`)
  }

  fail(): void {
    this.did.push('fail')
  }

  view(): StreamView {
    const { subject } = this
    const counts = { messagesIn: undefined, messagesOut: undefined, bytesIn: 1, bytesOut: 2 }
    const of = { kind: 'events', route: 'live', issuer, subject, session: undefined, address: '192.0.2.7' } as const
    return { id: `stream of ${subject}`, ...of, startedMs: 0, ...counts }
  }

  isSelected({ subject }: StreamSelector): boolean {
    return subject === undefined || subject === this.subject
  }
}

interface Clock {
  now: number
}

function registry(clock: Clock = { now: 0 }): StreamRegistry {
  const streams = new StreamRegistry({ max: 1000, maxPerAddress: 1000, holdMs: 30_000, now: () => clock.now })
  onTestFinished(() => streams.close())
  return streams
}

function opened(streams: StreamRegistry, subject: string): TestStream {
  const stream = new TestStream(subject)
  streams.open({ startStream: () => stream })
  return stream
}

const recordOf = (subject: string, under = keys): Buffer =>
  writeRecord(under.hashOf('subject', issuer, subject), ANY_TIME, 2_000_000_000)

test('a revocation of a subject makes the gate check the streams of that subject, and no other streams', async () => {
  const streams = registry()
  const mine = [opened(streams, 'ann'), opened(streams, 'ann')]
  const other = opened(streams, 'bob')
  for (const stream of mine) stream.verdict = revoked
  other.verdict = revoked

  await streams.apply('revoked', Buffer.concat([recordOf('carl'), recordOf('ann')]))

  for (const { did } of mine) expect(did).toEqual(['end token-revoked'])
  expect(other.did).toEqual([])
  expect(other.checks).toBe(1)
  expect(streams.size).toBe(1)
})

test('a revocation also ends an exchange that has become a stream but is not in the list of streams yet', async () => {
  const streams = registry()
  const stream = new TestStream('ann')
  stream.verdict = revoked
  const others = [{ startStream: () => undefined }, { startStream: () => new TestStream('bob') }]
  streams.findIn((found) => {
    for (const candidate of [...others.splice(0), { startStream: () => stream }]) found(candidate)
  })
  await streams.apply('revoked', recordOf('ann'))
  expect(stream.did).toEqual(['end token-revoked'])
  expect(streams.size).toBe(1)
})

test('the stream registry counts its streams by kind, even when an upload becomes a download or a stream ends', async () => {
  const streams = registry()
  const stream = opened(streams, 'ann')
  const other = opened(streams, 'bob')
  other.kind = 'upload'
  await streams.catchUp()
  expect(streams.openByKind).toEqual({ websocket: 0, events: 1, download: 0, upload: 1 })

  other.kind = 'download'
  stream.verdict = revoked
  await streams.catchUp()
  expect(streams.openByKind).toEqual({ websocket: 0, events: 0, download: 1, upload: 0 })
  other.watch.close()
  expect(streams.openByKind).toEqual({ websocket: 0, events: 0, download: 0, upload: 0 })
})

/** Largest number of calls of `call` in one turn of the event loop, while `work` runs. */
async function mostPerTurn(counter: { count: number }, work: Promise<unknown> | undefined): Promise<number> {
  const counts: number[] = []
  let over = false
  const counting = (async () => {
    while (!over) {
      const before = counter.count
      await nextTurn()
      counts.push(counter.count - before)
    }
  })()
  await work
  over = true
  await counting
  return Math.max(...counts)
}

test.each(['list', 'check', 'order'])(
  'with 20,000 streams, a %s works on at most 4,096 of them in one turn of the event loop',
  async (what) => {
    const streams = registry()
    const counter = { count: 0 }
    for (let i = 0; i < 20_000; i++) {
      const stream = opened(streams, 'bob')
      stream.reconsider = () => void counter.count++
      stream.isSelected = () => {
        counter.count++
        return false
      }
    }
    const works = {
      list: () => streams.list({ subject: 'ann' }),
      check: () => streams.catchUp(),
      order: () => streams.apply('end-streams', orderOf({ subject: 'ann' })),
    }
    const most = await mostPerTurn(counter, works[what as keyof typeof works]())
    expect(counter.count).toBeGreaterThanOrEqual(20_000)
    expect(most).toBeLessThanOrEqual(2 * 4096)
  },
)

test('after a change of the hash keys for revocations, the gate checks every stream, and a revocation under the new key finds its streams', async () => {
  const streams = registry()
  const stream = opened(streams, 'ann')
  const later = new HashKeys(['22'.repeat(32)])
  stream.index(later, 'ann')

  await streams.apply('hash-keys', Buffer.alloc(0))
  expect(stream.checks).toBe(2)
  stream.verdict = revoked
  await streams.apply('revoked', recordOf('ann'))
  expect(stream.did, 'the record is of the replaced key').toEqual([])
  await streams.apply('revoked', recordOf('ann', later))
  expect(stream.did).toEqual(['end token-revoked'])
})

test('the check of all streams after the node has caught up with the cluster takes more than one turn of the event loop, and its promise resolves only after every stream was checked', async () => {
  const streams = registry()
  const all = Array.from({ length: 300 }, () => opened(streams, 'ann'))
  for (const stream of all) {
    stream.reconsider = () => {
      stream.checks++
      const until = performance.now() + 0.2
      while (performance.now() < until);
      return revoked
    }
  }
  let turns = 0
  const counting = setInterval(() => turns++, 0)
  await streams.catchUp()
  clearInterval(counting)
  expect(all.map(({ did }) => did.join())).toEqual(all.map(() => 'end token-revoked'))
  expect(turns).toBeGreaterThan(1)
})

test('the gate relays no data of a stream while the revocations are unknown, and continues when they are known', async () => {
  const clock = { now: 0 }
  const streams = registry(clock)
  const stream = opened(streams, 'ann')
  expect(stream.watch.mayRelay()).toBe(true)

  stream.verdict = stale
  expect(stream.watch.mayRelay()).toBe(false)
  clock.now = 29_999
  expect(stream.watch.mayRelay()).toBe(false)
  expect(stream.did).toEqual(['hold'])
  stream.verdict = undefined
  await streams.catchUp()
  expect(stream.did).toEqual(['hold', 'release'])
  expect(stream.watch.mayRelay()).toBe(true)
})

test('the gate ends a stream for which it relays no data (a held stream) when the hold time has expired, or when its token is revoked', async () => {
  const clock = { now: 0 }
  const streams = registry(clock)
  const [late, found] = [opened(streams, 'ann'), opened(streams, 'bob')]
  for (const stream of [late, found]) stream.verdict = stale
  await streams.catchUp()
  found.verdict = revoked
  await streams.catchUp()
  clock.now = 30_000
  await streams.catchUp()
  expect(late.did).toEqual(['hold', 'end revocation-stale'])
  expect(found.did).toEqual(['hold', 'end token-revoked'])
  expect(late.watch.mayRelay()).toBe(false)
})

test('a fault in the check of one stream ends that stream, and the gate checks the other streams', async () => {
  const streams = registry()
  const [broken, other] = [opened(streams, 'ann'), opened(streams, 'ann')]
  broken.reconsider = () => {
    throw new Error('deliberate')
  }
  other.verdict = revoked
  await streams.apply('revoked', recordOf('ann'))
  expect(broken.did).toEqual(['fail'])
  expect(other.did).toEqual(['end token-revoked'])
  expect(streams.size).toBe(0)
})

test('the gate no longer checks a stream after it was closed', async () => {
  const streams = registry()
  const stream = opened(streams, 'ann')
  stream.watch.close()
  stream.verdict = revoked
  await streams.apply('revoked', recordOf('ann'))
  expect(stream.did).toEqual([])
  expect(streams.size).toBe(0)
})

const orderOf = (selector: object): Buffer => Buffer.from(JSON.stringify(selector))

test('an order to end the streams of a subject ends all of them, also those that relay no data at the moment, and no other streams', async () => {
  const streams = registry()
  const mine = [opened(streams, 'ann'), opened(streams, 'ann')]
  const other = opened(streams, 'bob')
  mine[1]!.verdict = stale
  await streams.catchUp()

  await streams.apply('end-streams', orderOf({ subject: 'ann', issuer }))

  expect(mine.map(({ did }) => did)).toEqual([
    ['end stream-ended-by-operator'],
    ['hold', 'end stream-ended-by-operator'],
  ])
  expect(mine[0]!.watch.mayRelay()).toBe(false)
  expect(other.did).toEqual([])
  expect(streams.size).toBe(1)
})

test('an order to end streams stops every selected stream immediately, and resolves when the last one has ended', async () => {
  const streams = registry()
  const all = Array.from({ length: 300 }, () => opened(streams, 'ann'))
  for (const stream of all) {
    stream.end = ({ reason }) => {
      const until = performance.now() + 0.2
      while (performance.now() < until);
      stream.did.push(reason)
    }
  }
  const work = streams.apply('end-streams', orderOf({ subject: 'ann' }))
  expect(all.filter(({ watch }) => watch.mayRelay())).toEqual([])
  await work
  expect(all.map(({ did }) => did.join())).toEqual(all.map(() => 'stream-ended-by-operator'))
  expect(streams.size).toBe(0)
})

test.each([
  ['is no JSON', Buffer.from('{')],
  ['is no object', orderOf(['ann'])],
  ['has no member', orderOf({})],
  ['has a member that this version does not know', orderOf({ subject: 'ann', region: 'eu' })],
  ['has a member that is no string', orderOf({ subject: 1 })],
])('an order to end streams that %s ends no stream', async (_, payload) => {
  const streams = registry()
  const stream = opened(streams, 'ann')
  await streams.apply('end-streams', payload)
  expect(stream.did).toEqual([])
})

test('a list of streams contains the first 1,000 selected streams with their state, and the number of further streams', async () => {
  const streams = registry()
  for (let i = 0; i < 1001; i++) opened(streams, 'bob')
  const held = opened(streams, 'ann')
  held.verdict = stale
  await streams.catchUp()

  expect(await streams.list({ subject: 'ann' })).toEqual({
    total: 1002,
    selected: 1,
    streams: [{ ...held.view(), held: true }],
  })
  const all = await streams.list({})
  expect([all.selected, all.streams.length]).toEqual([1002, 1000])
})
