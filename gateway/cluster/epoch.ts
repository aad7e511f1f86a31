import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { ClusterLog } from './cluster-log.ts'
import type { EpochFile } from './epoch-file.ts'

/** For members that were cut off to come back and put back what Redis lost: they connect again within 3 s. */
const SETTLE_MS = 3500
/** Longest time for which one member may be putting back. */
const RESTORE_MS = 20_000
const LOOK_AGAIN_MS = 150
/** Ids of earlier epochs that an epoch goes on from. */
const ANCESTORS_MAX = 8

export interface EpochParts {
  readonly link: RedisLink
  readonly client: RedisClient
  readonly file: EpochFile | undefined
  readonly log: ClusterLog
}

/**
 * Which Redis this is. A random id in Redis tells a node, when it is gone or another one, that Redis was emptied: then
 * members first put back what they know, and nobody who joins goes on before that.
 *
 * An epoch names those that it goes on from. A node that was part of one of these has lost nothing; one that was not
 * waits for a member who was, or for an operator who accepts the loss.
 */
export class Epoch {
  readonly #parts: EpochParts
  readonly #found: RedisScript
  readonly #hold: RedisScript
  /** As in Redis: its own id first, then those of its ancestors. `''`: this process is part of none yet. */
  #known = ''
  /** From an earlier life of this node. */
  readonly #remembered: string
  #remembers = ''

  /** @throws {Error} when the file cannot be read */
  constructor(parts: EpochParts) {
    this.#parts = parts
    this.#found = parts.client.script(new URL('./found-epoch.lua', import.meta.url))
    this.#hold = parts.client.script(new URL('./hold-joins.lua', import.meta.url))
    this.#remembered = parts.file?.read() ?? ''
    this.#remembers = this.#remembered
  }

  get id(): string {
    return firstOf(this.#known)
  }

  /** The present one, as a call to Redis has just said, is that which this node is part of. */
  isKnown(epoch: string): boolean {
    return epoch !== '' && firstOf(epoch) === this.id
  }

  /**
   * Waits until Redis can be joined, and makes its epoch that of this node.
   *
   * @param standing  this node has taken in all of an epoch: it can put back, and must
   * @param putBack   takes in what Redis has and puts back what it lacks
   * @param ended     says whether to give up, asked again and again
   * @throws {GatewayFault} when Redis fails meanwhile
   */
  async settle(standing: boolean, putBack: () => Promise<void>, ended: () => boolean): Promise<void> {
    const epoch = await this.#look()
    // One that had not taken in everything would pass off a part as the whole.
    if (!standing) this.#known = ''
    if (this.#known !== '' && !this.isKnown(epoch)) await this.#goOn(epoch, putBack)
    else if (this.#known === '') await this.#enter(epoch, ended)
    while (!ended() && (await this.#settling())) await sleep(LOOK_AGAIN_MS)
    const { file, log } = this.#parts
    if (ended() || file === undefined || this.#remembers === this.id) return
    try {
      file.write(this.id)
      this.#remembers = this.id
    } catch (error) {
      log('error', 'the epoch cannot be kept on disk', { reason: (error as Error).message })
    }
  }

  /**
   * An operator knows that what Redis lost will not come back, or that there never was any.
   *
   * @throws {GatewayFault} when Redis fails
   */
  async acceptLoss(): Promise<void> {
    const known = this.#known === '' ? this.#remembered : this.#known
    await this.#found([this.#keys.epoch, this.#keys.settling], [newId(), ancestors(known), 0])
  }

  /** A member whose Redis is empty, or another one: what it knows is put back before anybody else may join. */
  async #goOn(epoch: string, putBack: () => Promise<void>): Promise<void> {
    const { log } = this.#parts
    log('error', 'redis has lost its data; putting back what this node knows', { epoch: firstOf(epoch) || 'none' })
    await this.#hold([this.#keys.settling], [RESTORE_MS])
    await putBack()
    this.#known = await this.#make(ancestors(this.#known), SETTLE_MS)
    log('info', 'put back what this node knows', { epoch: this.id })
  }

  /** A process that is new: an epoch that it may join, or the first one. */
  async #enter(first: string, ended: () => boolean): Promise<void> {
    const { log } = this.#parts
    const emptySince = performance.now()
    let said = false
    for (let epoch = first; ; epoch = await this.#look()) {
      if (ended()) return
      if (epoch !== '' && (this.#remembered === '' || epoch.split(' ').includes(this.#remembered))) {
        this.#known = epoch
        return
      }
      if (epoch === '' && this.#remembered === '' && !(await this.#settling())) {
        if (performance.now() - emptySince > SETTLE_MS) {
          log('warn', 'redis holds no epoch and no member came back: taken for the first start of this cluster')
          this.#known = await this.#make('', 0)
          return
        }
      } else if (this.#remembered !== '' && !said && performance.now() - emptySince > SETTLE_MS) {
        said = true
        log('error', 'redis has lost its data: not ready until a member puts it back, or `gatehouse nodes accept-loss`')
      }
      await sleep(LOOK_AGAIN_MS)
    }
  }

  async #make(known: string, settleMs: number): Promise<string> {
    return String(await this.#found([this.#keys.epoch, this.#keys.settling], [newId(), known, settleMs]))
  }

  async #look(): Promise<string> {
    return String((await this.#parts.client.call('GET', this.#keys.epoch)) ?? '')
  }

  /** Asked after the epoch: whoever founds one sets both at once. */
  async #settling(): Promise<boolean> {
    return Number(await this.#parts.client.call('EXISTS', this.#keys.settling)) > 0
  }

  get #keys() {
    return this.#parts.link.keys
  }
}

function newId(): string {
  return randomBytes(12).toString('base64url')
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
