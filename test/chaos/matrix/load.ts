import { setTimeout as sleep } from 'node:timers/promises'
import { Evidence } from './evidence.ts'
import { bearer, LoadClient, someNode } from './load-client.ts'
import { openSession } from './load-sessions.ts'
import { type LoadStream, openEvents, openWebSocket } from './load-streams.ts'
import { runVictim } from './load-victims.ts'
import { SeededRandom } from './seeded-random.ts'
import type { ChaosWorld, WorldNode } from './world.ts'
import { TOLERANCE_MS } from './world-policy.ts'

const KNOWN_USERS = 12
const SESSIONS = 5
const VICTIM_PAUSE_MS = 1200
/** Lifetime of the tokens that expire during the load, ms. */
const SHORT_LIFE_MS = 1500
/** Most requests of one kind that wait for a reply at the same time. More would only wait. */
const WAITING_MAX = 12

interface Rate {
  readonly kind: string
  readonly perSecond: number
  readonly send: (node: WorldNode) => Promise<unknown>
}

/** Requests, sessions, streams and revocations at all nodes of a world, until `stop`. */
export class ChaosLoad {
  readonly world: ChaosWorld
  readonly client: LoadClient
  readonly sessions: string[] = []
  readonly knownTokens: readonly string[]
  readonly #random: SeededRandom
  readonly #streams = new Map<string, LoadStream>()
  readonly #work: Promise<unknown>[] = []
  #isRunning = true
  #victims = 0

  constructor(world: ChaosWorld, seed: number) {
    this.world = world
    this.client = new LoadClient(new Evidence())
    this.#random = new SeededRandom(seed, 'load')
    this.knownTokens = Array.from({ length: KNOWN_USERS }, (_, i) =>
      world.sign({ sub: `user-${i}`, exp: nowS() + 6 * 3600 }),
    )
  }

  /** Opens the sessions, and starts the load. */
  async start(): Promise<void> {
    for (let i = 0; i < SESSIONS; i++) this.sessions.push(await openSession(this.world))
    for (const rate of this.#rates()) this.#work.push(this.#keep(rate))
    this.#work.push(this.#keepStreams(), this.#keepVictims(), this.#keepExpiries())
  }

  /** Begins a new row. @returns its evidence, which grows from now on */
  begin(): Evidence {
    this.client.evidence = new Evidence()
    return this.client.evidence
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    for (const stream of this.#streams.values()) stream.close()
    await Promise.all(this.#work)
    await this.client.close()
  }

  #rates(): readonly Rate[] {
    const { client } = this
    const user = (): number => Math.floor(this.#random.next() * KNOWN_USERS)
    const known =
      (kind: string, method: 'GET' | 'POST' = 'GET') =>
      (node: WorldNode) => {
        const i = user()
        return client.call({
          node,
          kind,
          route: kind === 'upload' ? 'orders' : kind,
          method,
          subject: `user-${i}`,
          headers: bearer(this.knownTokens[i]!),
        })
      }
    const opaque = (node: WorldNode) => {
      const subject = `o${user()}`
      return client.call({
        node,
        kind: 'opaque',
        route: 'orders',
        subject,
        headers: bearer(`opaque.${subject}.of-the-chaos-matrix`),
      })
    }
    const session = (node: WorldNode) => {
      const i = Math.floor(this.#random.next() * SESSIONS)
      return client.call({ node, kind: 'app', subject: `session-${i}`, headers: { cookie: this.sessions[i]! } })
    }
    const limited = (kind: string) => (node: WorldNode) =>
      client.call({ node, kind, subject: 'user-0', headers: bearer(this.knownTokens[0]!) })
    const anyone = (node: WorldNode) => client.call({ node, kind: 'public', subject: '', headers: {} })
    return [
      { kind: 'orders', perSecond: 12, send: known('orders') },
      { kind: 'upload', perSecond: 2, send: known('upload', 'POST') },
      { kind: 'audited', perSecond: 2, send: known('audited') },
      { kind: 'opaque', perSecond: 3, send: opaque },
      { kind: 'app', perSecond: 4, send: session },
      { kind: 'exact', perSecond: 8, send: limited('exact') },
      { kind: 'leased', perSecond: 18, send: limited('leased') },
      { kind: 'public', perSecond: 1, send: anyone },
    ]
  }

  async #keep({ perSecond, send }: Rate): Promise<void> {
    let waiting = 0
    while (this.#isRunning) {
      if (waiting < WAITING_MAX) {
        waiting++
        const done = () => void waiting--
        send(someNode(this.world, this.#random.next)).then(done, done)
      }
      await sleep(1000 / perSecond)
    }
  }

  /** Keeps one event stream and one WebSocket open at each node. */
  async #keepStreams(): Promise<void> {
    const received = new Map<string, number>()
    while (this.#isRunning) {
      for (const [i, node] of this.world.nodes.entries()) {
        for (const [kind, open] of [
          ['events', openEvents],
          ['live', openWebSocket],
        ] as const) {
          const key = `${kind} ${node.name}`
          const stream = this.#streams.get(key)
          const count = stream?.received() ?? 0
          this.client.evidence.messages += Math.max(0, count - (received.get(key) ?? 0))
          received.set(key, count)
          if (stream?.isOpen() === true) continue
          this.client.evidence.streamsOpened++
          this.#streams.set(key, open(node, this.knownTokens[i]!))
          received.set(key, 0)
        }
      }
      await sleep(500)
    }
  }

  async #keepVictims(): Promise<void> {
    while (this.#isRunning) {
      const at = someNode(this.world, this.#random.next)
      const victim = runVictim(this.world, this.client, ++this.#victims, at)
      await Promise.race([victim, sleep(VICTIM_PAUSE_MS)])
      await sleep(VICTIM_PAUSE_MS)
    }
  }

  /** Uses tokens beyond their `exp`. */
  async #keepExpiries(): Promise<void> {
    for (let number = 0; this.#isRunning; number++) {
      const subject = `guest-${number}`
      const expS = Math.ceil((Date.now() + SHORT_LIFE_MS) / 1000)
      const headers = bearer(this.world.sign({ sub: subject, exp: expS }))
      const endMs = expS * 1000 + TOLERANCE_MS
      while (this.#isRunning && Date.now() < endMs + 600) {
        await Promise.race([this.#expiring(subject, headers, endMs), sleep(1000)])
        await sleep(250)
      }
    }
  }

  async #expiring(subject: string, headers: Readonly<Record<string, string>>, endMs: number): Promise<void> {
    const calls = this.world.nodes.map((node) => {
      // A node whose clock is behind accepts a token for longer, by its clock.
      const behindMs = Math.max(0, -(this.world.clockShiftMs.get(node.name) ?? 0))
      const lateMs = Date.now() - endMs - behindMs
      const forbidden = lateMs > 0 ? `expired ${lateMs} ms before` : undefined
      return this.client.call({ node, kind: 'expired', route: 'orders', subject, headers, forbidden })
    })
    await Promise.all(calls)
  }
}

const nowS = (): number => Math.floor(Date.now() / 1000)
