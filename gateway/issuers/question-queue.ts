import { Supervisor } from '../base/supervisor.ts'
import { FairQueue } from './fair-queue.ts'
import type { QuestionRate } from './question-rate.ts'

/**
 * The cause of a request to an issuer: an introspection, or a request for a token. It determines the priority when an
 * issuer cannot process all requests.
 *
 * `recheck`: for a token that was valid before, or for a login session, a worker or an operator. `first`: for a token
 * that is new to this gate, from a client whose address has the key `address`; for a token exchange, `address` is the
 * subject. `known`: true when a valid token or login session came from that address in the last 10 minutes.
 */
export type Asker =
  | { readonly kind: 'recheck' }
  | { readonly kind: 'first'; readonly address: string; readonly known: boolean }

export const rechecks: Asker = Object.freeze({ kind: 'recheck' })

export interface QuestionQueueOptions {
  /** Maximum number of concurrent introspection requests. */
  readonly atOnce: number
  readonly rate: QuestionRate
}

/**
 * Result of waiting for a slot. `granted`: the request can be sent. `late`: no slot was free for the whole waiting
 * time. `full`: the queue was full; requests of addresses with many waiting requests are rejected first.
 */
export type QueueOutcome = 'granted' | 'late' | 'full'

interface Waiter {
  readonly settle: (turn: QueueOutcome) => void
}

/**
 * Maximum numbers of waiting requests to one issuer: of re-checks; of first introspections from known addresses, and as
 * many from unknown addresses; of first introspections from one address.
 */
const RECHECKS_MAX = 4096
const FIRST_MAX = 1024
const FIRST_MAX_OF_ONE = 256
/** Share of the slots that first introspections from unknown addresses never use. */
const RESERVE = 0.25
/**
 * While re-checks and first introspections from known addresses wait, one of this many consecutive introspection
 * requests is a first introspection. {@link Asker} defines these words.
 */
const FIRST_AMONG_RECHECKS = 4
/** While known addresses wait, one of this many consecutive first introspections is from an unknown address. */
const UNKNOWN_AMONG_FIRST = 4

const everybody = ''

/**
 * Decides which introspection request to an issuer is sent next, within a concurrency limit and a rate.
 *
 * Re-checks of known tokens have priority, so that unauthenticated clients do not delay them. First introspections are
 * served in rotation by client address. Known addresses get three of four slots for first introspections, and a quarter
 * of all slots is reserved for them and for re-checks. Unknown addresses use the other slots. A waiting request gives
 * up after its maximum time.
 */
export class QuestionQueue {
  readonly #atOnce: number
  readonly #rate: QuestionRate
  /**
   * Waiting introspections that refresh a known response (re-checks).
   *
   * @bound {@link RECHECKS_MAX} requests | the newest request of the client with the most is refused | none
   */
  readonly #rechecks = new FairQueue<Waiter>(RECHECKS_MAX, RECHECKS_MAX)
  /**
   * Waiting first introspections for addresses that have sent a valid token.
   *
   * @bound {@link FIRST_MAX} requests, {@link FIRST_MAX_OF_ONE} of one client | the newest request of the client with
   *   the most is refused | none
   */
  readonly #known = new FairQueue<Waiter>(FIRST_MAX, FIRST_MAX_OF_ONE)
  /**
   * Waiting first introspections for addresses that have not sent a valid token.
   *
   * @bound {@link FIRST_MAX} requests, {@link FIRST_MAX_OF_ONE} of one client | the newest request of the client with
   *   the most is refused | none
   */
  readonly #unknown = new FairQueue<Waiter>(FIRST_MAX, FIRST_MAX_OF_ONE)
  /** Number of introspection requests in progress. `#busyUnknown`: number of those for unknown addresses. */
  #busy = 0
  #busyUnknown = 0
  /**
   * Number of consecutive slots that re-checks got while first introspections from known addresses waited. {@link
   * Asker} defines these words.
   */
  #recheckRun = 0
  /** Number of consecutive slots that first introspections from known addresses got while unknown addresses waited. */
  #knownRun = 0
  readonly #task = new Supervisor('introspection-questions')
  /** Function that cancels the timer that serves waiting requests when the rate limit allows the next request. */
  #timer: (() => void) | undefined

  constructor({ atOnce, rate }: QuestionQueueOptions) {
    this.#atOnce = atOnce
    this.#rate = rate
  }

  /**
   * Waits for a slot for an introspection request, for at most `waitMs`. After `granted` the caller can send its
   * introspection request, and must then call {@link done} with the same asker.
   */
  take(asker: Asker, waitMs: number): Promise<QueueOutcome> {
    const queue = this.#queueOf(asker)
    const client = asker.kind === 'first' ? asker.address : everybody
    return new Promise((resolve) => {
      const waiter: Waiter = {
        settle: (turn) => {
          clearTimeout(timer)
          resolve(turn)
        },
      }
      const timer = setTimeout(() => {
        queue.remove(client, waiter)
        resolve('late')
      }, waitMs)
      queue.add(client, waiter)?.settle('full')
      this.#serve()
    })
  }

  done(asker: Asker): void {
    this.#busy--
    if (asker.kind === 'first' && !asker.known) this.#busyUnknown--
    this.#serve()
  }

  #queueOf(asker: Asker): FairQueue<Waiter> {
    if (asker.kind === 'recheck') return this.#rechecks
    return asker.known ? this.#known : this.#unknown
  }

  #serve(): void {
    this.#timer?.()
    this.#timer = undefined
    for (;;) {
      const places = this.#rate.oneAtATime ? 1 : this.#atOnce
      if (this.#busy >= places) return
      const queue = this.#nextQueue(places)
      if (queue === undefined) return
      const waitMs = this.#rate.waitMs
      if (waitMs > 0) {
        this.#timer = this.#task.after(waitMs, () => this.#serve())
        return
      }
      this.#turn(queue)
      this.#busy++
      if (queue === this.#unknown) this.#busyUnknown++
      this.#rate.send()
      queue.next()!.settle('granted')
    }
  }

  #nextQueue(places: number): FairQueue<Waiter> | undefined {
    if (this.#rechecks.size > 0 && (this.#known.size === 0 || this.#recheckRun < FIRST_AMONG_RECHECKS - 1)) {
      return this.#rechecks
    }
    const reserved = places === 1 ? 0 : Math.ceil(places * RESERVE)
    const isOpen = this.#unknown.size > 0 && this.#busyUnknown < places - reserved
    if (this.#known.size > 0 && !(isOpen && this.#knownRun >= UNKNOWN_AMONG_FIRST - 1)) return this.#known
    return isOpen ? this.#unknown : undefined
  }

  #turn(queue: FairQueue<Waiter>): void {
    this.#recheckRun = queue === this.#rechecks && this.#known.size > 0 ? this.#recheckRun + 1 : 0
    if (queue === this.#rechecks) return
    this.#knownRun = queue === this.#known && this.#unknown.size > 0 ? this.#knownRun + 1 : 0
  }
}
