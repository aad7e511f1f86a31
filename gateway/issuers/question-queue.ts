import { Supervisor } from '../base/supervisor.ts'
import { FairQueue } from './fair-queue.ts'
import type { QuestionRate } from './question-rate.ts'

/**
 * The cause of a question, which determines its priority when an issuer cannot take all questions at once.
 *
 * `recheck`: for a token that was valid before, or for a login session, a worker or an operator. `first`: for a token
 * that is new to this gate, from a client at that address (`addressKey`). `known`: a valid token came from that address
 * in the last 10 minutes.
 */
export type Asker =
  | { readonly kind: 'recheck' }
  | { readonly kind: 'first'; readonly address: string; readonly known: boolean }

export const rechecks: Asker = Object.freeze({ kind: 'recheck' })

export interface QuestionQueueOptions {
  /** Maximum number of concurrent questions. */
  readonly atOnce: number
  readonly rate: QuestionRate
}

/**
 * Result of waiting for a turn. `late`: the question waited for its whole time. `full`: the queue had no place for it;
 * addresses with many questions lose theirs first.
 */
export type QueueOutcome = 'granted' | 'late' | 'full'

interface Waiter {
  readonly settle: (turn: QueueOutcome) => void
}

/** Maximum lengths of the queues, and of one address in the queues of first questions. */
const RECHECKS_MAX = 4096
const FIRST_MAX = 1024
const FIRST_MAX_OF_ONE = 256
/** Share of the slots that first questions from unknown addresses never use. */
const RESERVE = 0.25
/** One of this many consecutive questions is a first question from a known address, even if re-checks wait. */
const FIRST_AMONG_RECHECKS = 4
/** One of this many consecutive first questions is from an unknown address, even if known addresses wait. */
const UNKNOWN_AMONG_FIRST = 4

const everybody = ''

/**
 * Decides which question an issuer is asked next, within a concurrency limit and a rate.
 *
 * Re-checks have priority, so that unauthenticated clients do not delay known tokens. First questions are served in
 * rotation by address. Known addresses have three quarters of those turns and a quarter of the slots as a reserve.
 * Unknown addresses share the rest. A waiter gives up after its time.
 */
export class QuestionQueue {
  readonly #atOnce: number
  readonly #rate: QuestionRate
  readonly #rechecks = new FairQueue<Waiter>(RECHECKS_MAX, RECHECKS_MAX)
  readonly #known = new FairQueue<Waiter>(FIRST_MAX, FIRST_MAX_OF_ONE)
  readonly #unknown = new FairQueue<Waiter>(FIRST_MAX, FIRST_MAX_OF_ONE)
  /** Questions in progress, and the number of them from unknown addresses. */
  #busy = 0
  #busyUnknown = 0
  /** Number of turns in a row that re-checks got while first questions from known addresses waited. */
  #recheckRun = 0
  /** Number of turns in a row that first questions from known addresses got while unknown addresses waited. */
  #knownRun = 0
  readonly #task = new Supervisor('introspection-questions')
  /** Cancels the next attempt to serve. */
  #timer: (() => void) | undefined

  constructor({ atOnce, rate }: QuestionQueueOptions) {
    this.#atOnce = atOnce
    this.#rate = rate
  }

  /** After `granted` the question may be sent; the caller must then call {@link done} with the same asker. */
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
