import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import { Supervisor } from '../base/supervisor.ts'
import { ConfigError, nowhere, problem } from '../config/problem.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { Acknowledgements, type AwaitedMember } from './acknowledgements.ts'
import type { ClusterLog } from './cluster-log.ts'
import { Epoch } from './epoch.ts'
import type { EpochFile } from './epoch-file.ts'
import { type ClusterEvent, HEARTBEAT, KEEP_EVENTS_MS, readEvents } from './event.ts'
import { Freshness } from './freshness.ts'
import { heardMs, type MemberFacts, type MemberListing, readMemberFacts } from './member.ts'
import { type Position, positionMs } from './position.ts'
import { requireMinReplicas } from './require-min-replicas.ts'
import { requireNoEviction } from './require-no-eviction.ts'
import type { SharedState } from './shared-state.ts'

/**
 * Longest time that a blocking read of the event log waits for an event, ms. An empty reply also proves that the state
 * of the node is up to date.
 */
const BLOCK_MS = 250
const EVENTS_PER_READ = 512
const HEARTBEAT_EVERY_MS = 10_000
const RETRY_MS = 100
const CONNECT_POLL_MS = 20
/**
 * Time for which a node id stays reserved after the last renewal of the lease, ms, for example after the process was
 * killed.
 */
const KEEP_ID_MS = 3000
/**
 * Time for which Redis must refuse the id of this node before the node concludes that another running node has the same
 * id, ms. Only a running node renews the reservation of the id during this time.
 */
const ID_TAKEN_MS = 2 * KEEP_ID_MS

/**
 * Status of this node's membership in the cluster, for operators. Names are in snake_case, because the admin API sends
 * this object. `age_ms`: age of the cluster state of the node; `null`: the node has not read the event log yet.
 */
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

/** The revision of the cluster policy that a member enforces, and its activation. */
export interface MemberActivation {
  /** Number of the cluster policy revision by which the member decides requests. */
  readonly number: number
  readonly sequence: number
  /** True while the member tries the revision as a canary, before the other members enforce it. */
  readonly isCanary: boolean
  /** Sequence number of the newest activation that the member could not apply; `undefined` when it could. */
  readonly failed: number | undefined
}

export interface ClusterDependencies {
  readonly link: RedisLink
  /** Redis connection for calls that can be slow. `Cluster.close` closes this connection. */
  readonly client: RedisClient
  readonly node: { readonly id: string; readonly address: string; readonly version: string }
  /** Returns the revision of the policy that the node enforces. */
  readonly revision: () => string
  /**
   * Returns the revision of the cluster policy that this node enforces, and a later activation that the node could not
   * apply; `undefined` for a policy from a file.
   */
  readonly activation?: (() => MemberActivation) | undefined
  /**
   * Longest time without contact to Redis for which this node still admits requests from its own state, ms. The lease
   * lasts equally long, so a node leaves the member list only after the node has stopped admitting requests (fenced
   * itself).
   */
  readonly boundMs: () => number
  readonly epochFile: EpochFile | undefined
  /** Time at which this node first found Redis to be empty, monotonic, ms; `undefined` when it was not found empty. */
  readonly emptySince?: number | undefined
  readonly log: ClusterLog
  /**
   * Called when this node must end: the configuration of Redis breaks the guarantees of revocation receipts, or another
   * running node uses the same id. Both faults are detected only after Redis has replied.
   */
  readonly onFatal: (error: ConfigError) => void
}

/**
 * This node as a member of the cluster. The member holds a lease, follows the ordered event log, applies each event to
 * its shared state, and publishes the position that it reached.
 *
 * One loop uses one connection. Each turn of the loop renews the lease with the current position and reads the
 * following events, in one round trip to one server. So a position is published only after all events up to the
 * position are applied. A read counts for the age of the state only if the same server also accepted the renewal.
 */
export class Cluster {
  readonly freshness = new Freshness()
  readonly acknowledgements: Acknowledgements
  /** Key of this process in the list of cluster members; new at each start of the process. */
  readonly #key: string
  readonly #dependencies: ClusterDependencies
  /** Redis connection that only the membership loop uses. */
  readonly #reader: RedisClient
  readonly #client: RedisClient
  readonly #epoch: Epoch
  /**
   * Registered shared states by the kind of cluster event that changes them. The states of one kind are in the order of
   * their registration.
   *
   * @bound code
   */
  readonly #states = new Map<string, SharedState[]>()
  /** All registered shared states, also those without events, in the order of their registration. @bound code */
  readonly #registered = new Set<SharedState>()
  readonly #scripts: Record<'renew' | 'leave' | 'begin' | 'list', RedisScript>
  readonly #lagMs: number
  /**
   * Position of the last event for which this node has called `SharedState.apply`. Reads continue after this position.
   */
  #position: Position = '0-0'
  /**
   * Position up to which all events are applied completely: every promise of `SharedState.apply` has resolved.
   * Published as the acknowledgement of this node; never after `#position`.
   */
  #finished: Position = '0-0'
  /** Number of promises of `SharedState.apply` that have not resolved yet. */
  #unfinished = 0
  /**
   * True when a caller on some node waits until all nodes have applied an event that this node has applied, and this
   * node has not published the acknowledgement yet.
   */
  #awaited = false
  /**
   * True when this node can continue to read the event log at `#position`, also after a disconnection. False: the node
   * must join the cluster first.
   */
  #joined = false
  #caughtUp = false
  #inContact = false
  /**
   * Time at which this node first found that another member uses its id, monotonic, ms; `undefined` when no other
   * member uses the id.
   */
  #refusedAt: number | undefined
  /** Cause in the last log line about lost contact with the cluster, so that the same cause is not logged again. */
  #loggedReason = ''
  #closed = false
  readonly #task = new Supervisor('cluster-member')
  #running: Promise<void> = Promise.resolve()
  #applied = 0
  #unknown = 0
  #joins = 0
  /** Cluster members in the last list that Redis returned before it lost data. @bound cluster */
  #lastListed: readonly MemberFacts[] = []
  /** Time at which this node last detected that Redis had lost data, monotonic, ms. */
  #lostAt = Number.NEGATIVE_INFINITY

  /** @throws {Error} when the epoch file cannot be read */
  constructor(dependencies: ClusterDependencies) {
    const { link, node } = dependencies
    this.#dependencies = dependencies
    this.#key = `${node.id}~${randomBytes(6).toString('base64url')}`
    this.#reader = link.client('reader', 'events')
    this.#client = dependencies.client
    const { epochFile, emptySince, log } = dependencies
    this.#epoch = new Epoch({ link, client: this.#client, file: epochFile, emptySince, log })
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

  /**
   * Registers shared state that the membership loop keeps up to date. Must be called before `start`. Several states can
   * follow one kind of event. They apply events and catch up in the order of their registration. A state without events
   * only catches up.
   */
  register(state: SharedState): void {
    this.#registered.add(state)
    for (const kind of state.kinds) this.#states.set(kind, [...(this.#states.get(kind) ?? []), state])
  }

  /**
   * Joins the cluster in the background. After a disconnection from Redis the node reconnects, and joins again if
   * necessary.
   */
  start(): void {
    this.#running = this.#task.run(() => this.#run())
  }

  /**
   * True once this node has loaded the whole state that the cluster had when the node joined. The value stays true,
   * also without contact to Redis.
   */
  get caughtUp(): boolean {
    return this.#caughtUp
  }

  /**
   * Time without contact to Redis after which this node no longer admits requests from its old state, ms. With Redis
   * Sentinel the time includes `min_replicas_max_lag`, because an isolated master can accept writes for this additional
   * time.
   */
  get boundMs(): number {
    return this.#dependencies.boundMs() + this.#lagMs
  }

  /**
   * Current time, ms since the Unix epoch: the earlier of this node's clock and the Redis time of the last event. A
   * clock that jumped ahead therefore has no effect. The value is at most 10 s (one heartbeat) behind, and more while
   * Redis is unavailable.
   */
  get agreedMs(): number {
    return Math.min(Date.now(), positionMs(this.#position))
  }

  /** Key of this process in the list of cluster members; new at each start of the process. */
  get key(): string {
    return this.#key
  }

  /** Id of the epoch (the data in Redis) that this node joined last; `''` before the first join. */
  get epoch(): string {
    return this.#epoch.id
  }

  /** Time of the last event that this node applied, ms since the Unix epoch by the Redis clock; 0 before joining. */
  get lastEventMs(): number {
    return positionMs(this.#position)
  }

  /** Lists the members whose lease has not expired. @throws {GatewayFault} when Redis fails */
  async list(): Promise<MemberListing[]> {
    const { keys } = this.#dependencies.link
    const reply = await this.#scripts.list([keys.members, keys.memberFacts, keys.positions, keys.events], [])
    const [newest, ...rest] = reply as string[]
    const members: MemberListing[] = []
    const facts: MemberFacts[] = []
    let listed = false
    for (let i = 0; i + 3 < rest.length; i += 4) {
      const read = readMemberFacts(rest[i + 1], rest[i]!)
      const { bound_ms: _, event_kinds: eventKinds, ...stated } = read
      facts.push(read)
      listed ||= rest[i] === this.#key
      const position = rest[i + 2]!
      const behindMs = position === '' || newest === '' ? 0 : positionMs(newest!) - positionMs(position)
      members.push({
        ...stated,
        key: rest[i]!,
        eventKinds,
        position,
        lag_ms: Math.max(0, behindMs),
        heard_ms: heardMs(read, Number(rest[i + 3])),
      })
    }
    if (listed && !this.#hasLost(true)) this.#lastListed = facts
    return members.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /**
   * Returns the members that Redis listed before it lost data and does not list now. Such a member may still admit
   * requests, so a receipt cannot state that every node acknowledged. The result is empty unless Redis lost data within
   * the last `boundMs`: after this time such a member no longer admits requests.
   *
   * @param listed  members in the current list of Redis
   */
  lostMembers(listed: readonly AwaitedMember[]): {
    readonly members: readonly AwaitedMember[]
    readonly boundMs: number
  } {
    if (!this.#hasLost(listed.some(({ key }) => key === this.#key))) return { members: [], boundMs: 0 }
    const ids = new Set(listed.map(({ id }) => id))
    const { id } = this.#dependencies.node
    const missing = new Map([[id, this.boundMs], ...this.#lastListed.map((each) => [each.id, each.bound_ms] as const)])
    for (const id of ids) missing.delete(id)
    // Use a key that no member has, so that no acknowledgement ever matches the lost member.
    const members = [...missing.keys()].map((id) => ({ key: `forgotten ${id}`, id }))
    return { members, boundMs: Math.max(0, ...missing.values()) }
  }

  /**
   * Whether Redis lost data within the last `boundMs`. A loss is also noticed here: this node has joined the cluster,
   * but Redis does not list it.
   *
   * @param listed  whether Redis lists this node as a member
   */
  #hasLost(listed: boolean): boolean {
    if (this.#caughtUp && !listed) this.#lostAt = performance.now()
    return performance.now() - this.#lostAt <= this.boundMs
  }

  /**
   * Accepts that the data which Redis lost does not return. This node, and other nodes that wait for the data, then
   * join the cluster.
   *
   * @returns false if this node is already a member: a member does not wait for data, and restores lost data itself
   * @throws {GatewayFault} when Redis fails
   */
  async acceptLoss(): Promise<boolean> {
    if (this.#caughtUp) return false
    await this.#epoch.acceptLoss()
    this.#dependencies.log('warn', 'an operator accepted the data loss of Redis')
    return true
  }

  /** Returns the membership status for `/status` of the admin API. */
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

  /**
   * Leaves the cluster, so that revocations do not wait for this node. Must be called only when this node admits no
   * further request.
   */
  async close(): Promise<void> {
    this.#closed = true
    this.#task.stop()
    const { link, node } = this.#dependencies
    const { keys } = link
    // Wait for the current turn of the membership loop first: it may still renew the lease that `leave` removes.
    await Promise.race([this.#running, sleep(2 * BLOCK_MS)])
    try {
      await this.#scripts.leave([keys.members, keys.memberFacts, keys.positions, keys.nodeId(node.id)], [this.#key])
    } catch {
      // Ignore a failure of Redis: the lease of this node then expires by itself.
    }
    await Promise.all([this.#reader.close(), this.acknowledgements.close()])
    await this.#running
    await this.#client.close()
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        // Log nothing while the membership loop waits for a connection: RedisLink already logs lost and restored
        // connections.
        while (!this.#connected && !this.#closed) await sleep(CONNECT_POLL_MS)
        if (this.#closed) return
        await requireMinReplicas(this.#dependencies.link, this.#client)
        if (!this.#caughtUp) await requireNoEviction(this.#client)
        if (!this.#joined) await this.#join()
        await this.#follow()
      } catch (error) {
        if (error instanceof ConfigError && (!this.#caughtUp || this.#refusedAt !== undefined)) {
          this.#dependencies.onFatal(error)
          return
        }
        this.#logLostContact(error)
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
    // Append an entry to the event log when joining, and read from the position of the entry on. Events before this
    // entry are in the state that `#catchUp` reads; all later events arrive through the log.
    const position = String(await this.#scripts.begin([this.#dependencies.link.keys.events], [KEEP_EVENTS_MS]))
    await this.#catchUp()
    this.#position = position
    this.#finished = position
    this.#joined = true
    this.#joins += 1
  }

  async #catchUp(): Promise<void> {
    for (const state of this.#registered) await state.catchUp()
  }

  /**
   * Reads and applies events of the log in a loop. Returns when the log has lost entries or the epoch has changed: this
   * node must then join the cluster again.
   */
  async #follow(): Promise<void> {
    this.#awaited = false
    while (!this.#closed) {
      const sentAt = performance.now()
      const sentWallMs = Date.now()
      const boundMs = this.#dependencies.boundMs()
      // Send the renewal of the lease and then the read of events on one connection, so that the same server receives
      // both.
      const [[epoch, there, holder], reply] = await Promise.all([this.#renew(), this.#read()])
      if (holder !== undefined) return this.#rejectId(holder)
      this.#refusedAt = undefined
      if (!this.#epoch.isKnown(epoch) || there === 0) {
        const reason = there === 0 ? 'events are missing in the log' : 'the cluster epoch has changed'
        this.#dependencies.log('warn', 'rejoining the cluster', { reason, position: this.#position })
        this.#joined = false
        this.#lostAt = performance.now()
        return
      }
      const events = readEvents(reply)
      const work: Promise<void>[] = []
      for (const event of events) {
        this.#apply(event, work)
        this.#awaited ||= event.awaited
        this.#position = event.position
      }
      if (this.#unfinished === 0) this.#finished = this.#position
      // Do not record a full read: a read with the maximum number of events does not prove that the state is up to
      // date: more events may follow.
      if (events.length === EVENTS_PER_READ) continue
      this.freshness.recordRead(sentAt, sentWallMs, boundMs)
      if (!this.#inContact) this.#logContact()
      // Wait until the read events are applied completely and can be acknowledged, but not longer than until the next
      // renewal of the lease.
      if (work.length > 0) await Promise.race([Promise.all(work), sleep(BLOCK_MS)])
    }
  }

  /**
   * Handles another member that uses this node's id. If that member was killed, its reservation of the id ends 3 s
   * after its last renewal. If it runs, it keeps the id. It can have taken the id while this process was paused.
   *
   * @param holder  facts that the other member published, JSON
   * @throws {ConfigError} when the id is still in use after 6 s, which proves that the other member runs
   */
  #rejectId(holder: string): void {
    const { node, log } = this.#dependencies
    if (this.#refusedAt === undefined) {
      this.#refusedAt = performance.now()
      this.#inContact = false
      log('warn', 'node id is in use by another node; waiting for that node to stop', { id: node.id })
    }
    if (performance.now() - this.#refusedAt <= ID_TAKEN_MS) return
    const { address } = readMemberFacts(holder, '')
    throw new ConfigError([
      problem(
        'GH_CONFIG_VALUE',
        `the id ${node.id} is in use by another running node${address && ` at ${address}`}`,
        ['node', 'id'],
        nowhere,
        'set a different node.id on each node, or omit node.id: the default is unique',
      ),
    ])
  }

  /** Renews the lease, and acknowledges all events up to `#finished`. */
  #renew(): Promise<[epoch: string, there: number, holder?: string]> {
    const { link, node, revision, activation } = this.#dependencies
    const { keys } = link
    const event_kinds = [...this.#states.keys()]
    const active = activation?.()
    const facts: MemberFacts = {
      ...node,
      revision: revision(),
      policy_number: active?.number ?? null,
      policy_sequence: active?.sequence ?? null,
      policy_failed: active?.failed ?? null,
      policy_canary: active?.isCanary ?? false,
      bound_ms: this.boundMs,
      event_kinds,
    }
    const awaited = this.#awaited && this.#unfinished === 0
    if (awaited) this.#awaited = false
    return this.#scripts.renew(
      [keys.members, keys.memberFacts, keys.positions, keys.events, keys.heartbeat, keys.epoch, keys.nodeId(node.id)],
      [
        this.#key,
        this.boundMs,
        JSON.stringify(facts),
        this.#finished,
        awaited ? keys.acknowledgements : '',
        link.topology === 'cluster' ? 'SPUBLISH' : 'PUBLISH',
        HEARTBEAT_EVERY_MS,
        KEEP_EVENTS_MS,
        KEEP_ID_MS,
        this.#position,
      ],
    ) as Promise<[string, number, string?]>
  }

  #read(): Promise<unknown> {
    const { events } = this.#dependencies.link.keys
    const count = ['COUNT', EVENTS_PER_READ, 'BLOCK', BLOCK_MS] as const
    return this.#reader.callBuffer('XREAD', ...count, 'STREAMS', events, this.#position)
  }

  /**
   * Applies one event to all states that its kind changes.
   *
   * @param work  list to which the promises of states are added that need more time to apply the event
   */
  #apply({ kind, payload, position }: ClusterEvent, work: Promise<void>[]): void {
    if (kind === HEARTBEAT) return
    const states = this.#states.get(kind)
    if (states === undefined) {
      // Ignore an event of an unknown kind: only a newer version of Gatehouse writes such events. This version has no
      // state that the event could change.
      this.#unknown += 1
      return
    }
    try {
      for (const state of states) {
        const rest = state.apply(kind, payload)
        if (rest !== undefined) work.push(this.#finish(rest))
      }
      this.#applied += 1
    } catch (error) {
      // Throw to stop the membership loop at this event; otherwise this node would acknowledge an event that it did not
      // apply.
      throw new GatewayFault('node-fault', 'node', `the cluster event ${position} (${kind}) cannot be applied`, {
        cause: error,
      })
    }
  }

  async #finish(work: Promise<void>): Promise<void> {
    this.#unfinished++
    await work
    this.#unfinished--
    if (this.#unfinished === 0) this.#finished = this.#position
  }

  #logContact(): void {
    this.#inContact = true
    const first = !this.#caughtUp
    this.#caughtUp = true
    this.#dependencies.log('info', first ? 'joined the cluster' : 'contact with the cluster restored', {
      epoch: this.#epoch.id,
      position: this.#position,
    })
  }

  #logLostContact(error: unknown): void {
    this.#refusedAt = undefined
    if (this.#closed || (!this.#inContact && this.#loggedReason === describe(error))) return
    this.#loggedReason = describe(error)
    this.#inContact = false
    this.#dependencies.log('warn', 'contact with the cluster lost', { reason: this.#loggedReason })
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
