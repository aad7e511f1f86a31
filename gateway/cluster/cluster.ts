import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import { Supervisor } from '../base/supervisor.ts'
import { ConfigError, nowhere, problem } from '../config/problem.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { Acknowledgements, type Awaited } from './acknowledgements.ts'
import type { ClusterLog } from './cluster-log.ts'
import { Epoch } from './epoch.ts'
import type { EpochFile } from './epoch-file.ts'
import { type ClusterEvent, HEARTBEAT, KEEP_EVENTS_MS, readEvents } from './event.ts'
import { evictionGuard } from './eviction-guard.ts'
import { Freshness } from './freshness.ts'
import { type MemberFacts, type MemberListing, readMemberFacts } from './member.ts'
import { type Position, positionMs } from './position.ts'
import { replicaGuard } from './replica-guard.ts'
import type { SharedState } from './shared-state.ts'

/** How long a read waits for an event. A reply without any proves as much. */
const BLOCK_MS = 250
/** A read that takes longer has lost its server. */
const READ_LIMIT_MS = BLOCK_MS + 1000
const EVENTS_PER_READ = 512
const HEARTBEAT_EVERY_MS = 10_000
const RETRY_MS = 100
const CONNECT_POLL_MS = 20
/** So long a node id is kept for a member that does not renew it, as it does with each turn: for one that was killed. */
const KEEP_ID_MS = 3000
/** Refused for longer, the id is renewed by somebody. */
const ID_TAKEN_MS = 2 * KEEP_ID_MS

/** Of this node as a member, for operators (snake_case goes over the wire). Ages in ms; `null`: never. */
export interface ClusterStatus {
  readonly in_contact: boolean
  readonly caught_up: boolean
  readonly epoch: string | null
  readonly position: Position
  readonly age_ms: number | null
  readonly bound_ms: number
  readonly events_applied: number
  readonly events_unknown: number
  readonly joins: number
}

export interface ClusterParts {
  readonly link: RedisLink
  /** For calls that take their time; the cluster closes it. */
  readonly client: RedisClient
  readonly node: { readonly id: string; readonly address: string; readonly version: string }
  /** Of the policy in force now. */
  readonly revision: () => string
  /**
   * Longest time without contact after which this node still admits anything by what it knows, ms. The lease lasts as
   * long: a node may leave the list of those to be waited for only when it has fenced itself.
   */
  readonly boundMs: () => number
  readonly epochFile: EpochFile | undefined
  readonly log: ClusterLog
  /**
   * Redis is not set up as receipts need it, or another node has this one's id, which is found out only when Redis is
   * there: the node must end.
   */
  readonly unfit: (error: ConfigError) => void
}

/**
 * This node as a member of the cluster: it holds a lease, follows the one ordered log of events, applies each to the
 * state it belongs to, and says how far it has got.
 *
 * One loop, one connection: each turn renews the lease with the present position and reads what comes after it, in one
 * round trip to one server. So a position is told only when everything up to it has been applied, and reading proves
 * nothing unless the same server has taken the write.
 */
export class Cluster {
  readonly freshness = new Freshness()
  readonly acknowledgements: Acknowledgements
  /** Unique for each life of a node. */
  readonly #key: string
  readonly #parts: ClusterParts
  /** For the loop alone. */
  readonly #reader: RedisClient
  readonly #client: RedisClient
  readonly #epoch: Epoch
  readonly #states = new Map<string, SharedState>()
  readonly #scripts: Record<'renew' | 'leave' | 'begin' | 'list', RedisScript>
  readonly #lagMs: number
  #position: Position = '0-0'
  /** The position is one from which the log can be followed, after a lost connection too. */
  #joined = false
  #caughtUp = false
  #inContact = false
  /** Since when another member is found to have this node's id, monotonic, ms. */
  #refusedAt: number | undefined
  /** What was last said about losing it. */
  #said = ''
  #closed = false
  readonly #task = new Supervisor('cluster-member')
  #running: Promise<void> = Promise.resolve()
  #applied = 0
  #unknown = 0
  #joins = 0
  /** As last listed, before Redis lost anything. */
  #lately: readonly MemberFacts[] = []
  /** When this node last found that Redis had lost something, monotonic, ms. */
  #lostAt = Number.NEGATIVE_INFINITY

  /** @throws {Error} when the epoch file cannot be read */
  constructor(parts: ClusterParts) {
    const { link, node } = parts
    this.#parts = parts
    this.#key = `${node.id}~${randomBytes(6).toString('base64url')}`
    this.#reader = link.client('reader', 'events')
    this.#client = parts.client
    this.#epoch = new Epoch({ link, client: this.#client, file: parts.epochFile, log: parts.log })
    this.#scripts = {
      renew: this.#reader.script(new URL('./renew-lease.lua', import.meta.url)),
      begin: this.#client.script(new URL('./begin-log.lua', import.meta.url)),
      leave: this.#client.script(new URL('./leave.lua', import.meta.url)),
      list: this.#client.script(new URL('./list-members.lua', import.meta.url)),
    }
    this.acknowledgements = new Acknowledgements(link, this.#client)
    const { place } = link
    this.#lagMs = place.topology === 'sentinel' ? place.minReplicasMaxLagMs : 0
  }

  /** All that the loop keeps up to date. Before `start`. */
  register(state: SharedState): void {
    for (const kind of state.kinds) this.#states.set(kind, state)
  }

  /** Joins in the background, and again whenever contact was lost. */
  start(): void {
    this.#running = this.#task.run(() => this.#run())
  }

  /** All of what the others knew when this node joined has been applied. Never false again. */
  get caughtUp(): boolean {
    return this.#caughtUp
  }

  /**
   * After so long without contact no member admits anything any more by what it knew, as this node counts, ms: with
   * Sentinel, a master that was cut off may have gone on for a while.
   */
  get boundMs(): number {
    return this.#parts.boundMs() + this.#lagMs
  }

  /**
   * Now, ms since the epoch, as both this node and Redis have it: a clock that jumped ahead changes nothing. Up to a
   * heartbeat late, and later while Redis is away.
   */
  get agreedMs(): number {
    return Math.min(Date.now(), positionMs(this.#position))
  }

  /** Time of the last event that this node has applied, ms since the epoch by Redis's clock; 0 before it has joined. */
  get heardMs(): number {
    return positionMs(this.#position)
  }

  /** The members whose lease has not run out. @throws {GatewayFault} when Redis fails */
  async list(): Promise<MemberListing[]> {
    const { keys } = this.#parts.link
    const reply = await this.#scripts.list([keys.members, keys.memberFacts, keys.positions, keys.events], [])
    const [newest, ...rest] = reply as string[]
    const members: MemberListing[] = []
    const facts: MemberFacts[] = []
    let listed = false
    for (let i = 0; i + 2 < rest.length; i += 3) {
      const read = readMemberFacts(rest[i + 1], rest[i]!)
      const { id, address, version, revision } = read
      facts.push(read)
      listed ||= rest[i] === this.#key
      const position = rest[i + 2]!
      const behindMs = position === '' || newest === '' ? 0 : positionMs(newest!) - positionMs(position)
      members.push({ id, address, version, revision, position, lag_ms: Math.max(0, behindMs) })
    }
    if (listed && !this.#hasLost(true)) this.#lately = facts
    return members.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /**
   * Those who were members before Redis lost something, are not listed again, and may not have fenced themselves yet:
   * nobody can say that every node has acknowledged. None while Redis has lost nothing.
   *
   * @param listed  as Redis has them now
   */
  forgotten(listed: readonly Awaited[]): { readonly members: readonly Awaited[]; readonly boundMs: number } {
    if (!this.#hasLost(listed.some(({ key }) => key === this.#key))) return { members: [], boundMs: 0 }
    const ids = new Set(listed.map(({ id }) => id))
    const { id } = this.#parts.node
    const missing = new Map([[id, this.boundMs], ...this.#lately.map((each) => [each.id, each.bound_ms] as const)])
    for (const id of ids) missing.delete(id)
    // Keys that no member has: nothing acknowledges for them.
    const members = [...missing.keys()].map((id) => ({ key: `forgotten ${id}`, id }))
    return { members, boundMs: Math.max(0, ...missing.values()) }
  }

  /** Whether Redis has lost something of late. A member that it does not list shows that too. */
  #hasLost(listed: boolean): boolean {
    if (this.#caughtUp && !listed) this.#lostAt = performance.now()
    return performance.now() - this.#lostAt <= this.boundMs
  }

  /**
   * What Redis lost will not come back: this node, and those that wait for the same, go on without.
   *
   * @returns false where this node waits for nothing: it is a member, and what Redis loses it puts back
   * @throws {GatewayFault} when Redis fails
   */
  async acceptLoss(): Promise<boolean> {
    if (this.#caughtUp) return false
    await this.#epoch.acceptLoss()
    this.#parts.log('warn', 'the loss of what redis held was accepted')
    return true
  }

  /** For `/status`. Ages in ms; `null`: never. */
  status(): ClusterStatus {
    const ageMs = this.freshness.ageMs()
    return {
      in_contact: this.#inContact,
      caught_up: this.#caughtUp,
      epoch: this.#epoch.id || null,
      position: this.#position,
      age_ms: Number.isFinite(ageMs) ? Math.round(ageMs) : null,
      bound_ms: this.boundMs,
      events_applied: this.#applied,
      events_unknown: this.#unknown,
      joins: this.#joins,
    }
  }

  /** Leaves: the others need not wait for this node. Only after the last exchange was decided. */
  async close(): Promise<void> {
    this.#closed = true
    this.#task.stop()
    const { link, node } = this.#parts
    const { keys } = link
    // The turn that is under way renews the lease: leaving comes after it.
    await Promise.race([this.#running, sleep(2 * BLOCK_MS)])
    try {
      await this.#scripts.leave([keys.members, keys.memberFacts, keys.positions, keys.nodeId(node.id)], [this.#key])
    } catch {
      // Its lease runs out by itself.
    }
    await Promise.all([this.#reader.close(), this.acknowledgements.close()])
    await this.#running
    await this.#client.close()
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        // The link says when a connection is lost and when it is back.
        while (!this.#connected && !this.#closed) await sleep(CONNECT_POLL_MS)
        if (this.#closed) return
        await replicaGuard(this.#parts.link, this.#client)
        if (!this.#caughtUp) await evictionGuard(this.#client)
        if (!this.#joined) await this.#join()
        await this.#follow()
      } catch (error) {
        if (error instanceof ConfigError && (!this.#caughtUp || this.#refusedAt !== undefined)) {
          this.#parts.unfit(error)
          return
        }
        this.#parted(error)
      }
      if (!this.#closed) await sleep(RETRY_MS * (1 + Math.random()))
    }
  }

  get #connected(): boolean {
    return this.#reader.ready && this.#client.ready
  }

  async #join(): Promise<void> {
    await this.#epoch.settle(
      this.#caughtUp,
      () => this.#catchUp(),
      () => this.#closed,
    )
    if (this.#closed) return
    // An entry of its own: a position that exists. What is written after it comes by the log.
    const position = String(await this.#scripts.begin([this.#parts.link.keys.events], [KEEP_EVENTS_MS]))
    await this.#catchUp()
    this.#position = position
    this.#joined = true
    this.#joins += 1
  }

  async #catchUp(): Promise<void> {
    for (const state of new Set(this.#states.values())) await state.catchUp()
  }

  /** Follows the log until entries are missing, or Redis is not the one it was: then this node has to join again. */
  async #follow(): Promise<void> {
    let awaited = false
    while (!this.#closed) {
      const sentAt = performance.now()
      const sentWallMs = Date.now()
      const boundMs = this.#parts.boundMs()
      const endWatch = this.#task.after(READ_LIMIT_MS, () => this.#reader.reconnect())
      // Sent together, and so to one server, the write first.
      const [[epoch, there, holder], reply] = await Promise.all([this.#renew(awaited), this.#read()]).finally(endWatch)
      if (holder !== undefined) return this.#refused(holder)
      this.#refusedAt = undefined
      if (!this.#epoch.isKnown(epoch) || there === 0) {
        const reason = there === 0 ? 'events are missing' : 'another epoch'
        this.#parts.log('warn', 'joining the cluster again', { reason, position: this.#position })
        this.#joined = false
        this.#lostAt = performance.now()
        return
      }
      const events = readEvents(reply)
      awaited = false
      for (const event of events) {
        this.#apply(event)
        awaited ||= event.awaited
        this.#position = event.position
      }
      // A full reply leaves open what comes after it.
      if (events.length === EVENTS_PER_READ) continue
      this.freshness.proven(sentAt, sentWallMs, boundMs)
      if (!this.#inContact) this.#found()
    }
  }

  /**
   * Another member has this node's id: one that was killed, for a moment; or one that is at work, and has had it from the
   * start or since this node was stopped for long.
   *
   * @param holder  its facts, JSON
   * @throws {ConfigError} when it is at work
   */
  #refused(holder: string): void {
    const { node, log } = this.#parts
    if (this.#refusedAt === undefined) {
      this.#refusedAt = performance.now()
      this.#inContact = false
      log('warn', 'another node had this id a moment ago; waiting for it to end', { id: node.id })
    }
    if (performance.now() - this.#refusedAt <= ID_TAKEN_MS) return
    const { address } = readMemberFacts(holder, '')
    throw new ConfigError([
      problem(
        'GH_CONFIG_VALUE',
        `another node that is at work${address && `, at ${address},`} has the id ${node.id}`,
        ['node', 'id'],
        nowhere,
        'give every node an id of its own, or leave it out: the default is unique',
      ),
    ])
  }

  #renew(awaited: boolean): Promise<[epoch: string, there: number, holder?: string]> {
    const { link, node, revision } = this.#parts
    const { keys } = link
    const facts: MemberFacts = { ...node, revision: revision(), bound_ms: this.boundMs }
    return this.#scripts.renew(
      [keys.members, keys.memberFacts, keys.positions, keys.events, keys.heartbeat, keys.epoch, keys.nodeId(node.id)],
      [
        this.#key,
        this.boundMs,
        JSON.stringify(facts),
        this.#position,
        awaited ? keys.acknowledgements : '',
        link.topology === 'cluster' ? 'SPUBLISH' : 'PUBLISH',
        HEARTBEAT_EVERY_MS,
        KEEP_EVENTS_MS,
        KEEP_ID_MS,
      ],
    ) as Promise<[string, number, string?]>
  }

  #read(): Promise<unknown> {
    const { events } = this.#parts.link.keys
    const count = ['COUNT', EVENTS_PER_READ, 'BLOCK', BLOCK_MS] as const
    return this.#reader.callBuffer('XREAD', ...count, 'STREAMS', events, this.#position)
  }

  #apply({ kind, payload, position }: ClusterEvent): void {
    if (kind === HEARTBEAT) return
    const state = this.#states.get(kind)
    if (state === undefined) {
      // Of a newer version: what it means does not concern this one.
      this.#unknown += 1
      return
    }
    try {
      state.apply(kind, payload)
      this.#applied += 1
    } catch (error) {
      // Going on would acknowledge what was not applied.
      throw new GatewayFault('node-fault', 'node', `event ${position} (${kind}) cannot be applied`, { cause: error })
    }
  }

  #found(): void {
    this.#inContact = true
    const first = !this.#caughtUp
    this.#caughtUp = true
    this.#parts.log('info', first ? 'joined the cluster' : 'in contact with the cluster again', {
      epoch: this.#epoch.id,
      position: this.#position,
    })
  }

  #parted(error: unknown): void {
    this.#refusedAt = undefined
    if (this.#closed || (!this.#inContact && this.#said === describe(error))) return
    this.#said = describe(error)
    this.#inContact = false
    this.#parts.log('warn', 'no contact with the cluster', { reason: this.#said })
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
