import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { ClusterLog } from './cluster-log.ts'
import type { EpochFile } from './epoch-file.ts'

/**
 * Time that disconnected cluster members have to return and restore the data that Redis lost, ms. Members reconnect
 * within 3 s.
 */
export const SETTLE_MS = 3500
/** Longest time for which a member that restores lost data to Redis blocks the joining of other nodes, ms. */
const RESTORE_MS = 20_000
const LOOK_AGAIN_MS = 150
/** Maximum number of earlier epochs that a new epoch lists as its ancestors. */
const ANCESTORS_MAX = 8

export interface EpochDependencies {
  readonly link: RedisLink
  readonly client: RedisClient
  readonly file: EpochFile | undefined
  /**
   * Time at which this process first found Redis to be empty, monotonic, ms; `undefined` when it was not found empty.
   */
  readonly emptySince?: number | undefined
  readonly log: ClusterLog
}

/**
 * Detects that Redis lost its data, by a random id in Redis (the epoch). A missing or different id shows a loss.
 * Members then restore their copies of the data, and no node can join before the data is restored.
 *
 * An epoch lists its ancestors: earlier epochs whose data it still contains. A node whose last epoch is in this list
 * has lost no data and can join. Any other node waits for a member that restores the data, or for an operator who
 * accepts the loss.
 */
export class Epoch {
  readonly #dependencies: EpochDependencies
  readonly #found: RedisScript
  readonly #hold: RedisScript
  /**
   * Epoch in the format of Redis: the id of the epoch, then the ids of its ancestors. `''` before this process has an
   * epoch.
   */
  #known = ''
  /** Epoch id that an earlier process of this node wrote to disk; `''` if the disk has no such id. */
  readonly #remembered: string
  /** Id of the cluster epoch that the epoch file on disk contains now. */
  #remembers = ''

  /** @throws {Error} when the epoch file cannot be read */
  constructor(dependencies: EpochDependencies) {
    this.#dependencies = dependencies
    this.#found = dependencies.client.script(new URL('./found-epoch.lua', import.meta.url))
    this.#hold = dependencies.client.script(new URL('./hold-joins.lua', import.meta.url))
    this.#remembered = dependencies.file?.read() ?? ''
    this.#remembers = this.#remembered
  }

  get id(): string {
    return firstOf(this.#known)
  }

  /** Whether the epoch that Redis just returned is the epoch of this node. */
  isKnown(epoch: string): boolean {
    return epoch !== '' && firstOf(epoch) === this.id
  }

  /**
   * Waits until this node is allowed to join the cluster, and adopts the epoch in Redis.
   *
   * @param hasFullState  whether this node has loaded all data of an epoch; such a node must restore the data that
   *   Redis lost
   * @param putBack       function that reads the data in Redis and writes the data that Redis lacks
   * @param ended         function that returns true when the wait must end; called repeatedly
   * @throws {GatewayFault} when Redis fails while this method waits
   */
  async settle(hasFullState: boolean, putBack: () => Promise<void>, ended: () => boolean): Promise<void> {
    const epoch = await this.#look()
    // Forget the known epoch without the full state: a node that has loaded only a part of the data must not restore it
    // to Redis, because other nodes would take the part for all data.
    if (!hasFullState) this.#known = ''
    if (this.#known !== '' && !this.isKnown(epoch)) await this.#goOn(epoch, putBack)
    else if (this.#known === '') await this.#enter(epoch, ended)
    while (!ended() && (await this.#settling())) await sleep(LOOK_AGAIN_MS)
    const { file, log } = this.#dependencies
    if (ended() || file === undefined || this.#remembers === this.id) return
    try {
      file.write(this.id)
      this.#remembers = this.id
    } catch (error) {
      log('error', 'the cluster epoch cannot be written to revocation.epoch_file', { reason: (error as Error).message })
    }
  }

  /**
   * Starts a new cluster epoch without the data that Redis lost. An operator orders this when no node has the data any
   * more, or when the data never existed.
   *
   * @throws {GatewayFault} when Redis fails
   */
  async acceptLoss(): Promise<void> {
    const known = this.#known === '' ? this.#remembered : this.#known
    await this.#found([this.#keys.epoch, this.#keys.settling], [newId(), ancestors(known), 0])
  }

  /**
   * Writes this member's copy of the data to a Redis that lost its data or was replaced. Meanwhile no other node can
   * join, for at most `RESTORE_MS`.
   */
  async #goOn(epoch: string, putBack: () => Promise<void>): Promise<void> {
    const { log } = this.#dependencies
    log('error', 'Redis has lost the cluster data; this node restores the data from its own copy', {
      epoch: firstOf(epoch) || 'none',
    })
    await this.#hold([this.#keys.settling], [RESTORE_MS])
    await putBack()
    this.#known = await this.#make(ancestors(this.#known), SETTLE_MS)
    log('info', 'this node has restored the cluster data that Redis had lost', { epoch: this.id })
  }

  /** Joins the epoch in Redis, or creates the first epoch of a new cluster. Used by a process that has no epoch yet. */
  async #enter(first: string, ended: () => boolean): Promise<void> {
    const { log, emptySince = performance.now() } = this.#dependencies
    let said = false
    for (let epoch = first; ; epoch = await this.#look()) {
      if (ended()) return
      if (epoch !== '' && (this.#remembered === '' || epoch.split(' ').includes(this.#remembered))) {
        this.#known = epoch
        return
      }
      if (epoch === '' && this.#remembered === '' && !(await this.#settling())) {
        if (performance.now() - emptySince > SETTLE_MS) {
          log(
            'warn',
            'starting a new cluster: this is expected at the first start; otherwise Redis has lost its data, including revocations, and no running node had a copy',
          )
          this.#known = await this.#make('', 0)
          return
        }
      } else if (this.#remembered !== '' && !said && performance.now() - emptySince > SETTLE_MS) {
        said = true
        log(
          'error',
          'Redis has lost its data: this node is not ready until a member restores the data, or an operator runs `gatehouse nodes accept-loss`',
        )
      }
      await sleep(LOOK_AGAIN_MS)
    }
  }

  async #make(known: string, settleMs: number): Promise<string> {
    return String(await this.#found([this.#keys.epoch, this.#keys.settling], [newId(), known, settleMs]))
  }

  async #look(): Promise<string> {
    return String((await this.#dependencies.client.call('GET', this.#keys.epoch)) ?? '')
  }

  /**
   * Whether a member that restores data blocks joins of the cluster. Must be read after the epoch, because
   * `found-epoch.lua` sets both keys in one step.
   */
  async #settling(): Promise<boolean> {
    return Number(await this.#dependencies.client.call('EXISTS', this.#keys.settling)) > 0
  }

  get #keys() {
    return this.#dependencies.link.keys
  }
}

/** Length of the time at the start of an epoch id: ms since the Unix epoch in base 36. */
const TIME_CHARS = 9
const RANDOM_BYTES = 12
const ID_CHARS = TIME_CHARS + 16

function newId(): string {
  return Date.now().toString(36).padStart(TIME_CHARS, '0') + randomBytes(RANDOM_BYTES).toString('base64url')
}

/**
 * Time at which an epoch began, ms since the Unix epoch, by the clock of the node that created it.
 *
 * @returns `undefined` for an id of an earlier version, which has no time
 */
export function epochStartMs(id: string): number | undefined {
  if (id.length !== ID_CHARS) return undefined
  const ms = Number.parseInt(id.slice(0, TIME_CHARS), 36)
  return Number.isNaN(ms) ? undefined : ms
}

function firstOf(epoch: string): string {
  return epoch.split(' ', 1)[0]!
}

function ancestors(epoch: string): string {
  return epoch.split(' ').slice(0, ANCESTORS_MAX).join(' ')
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
