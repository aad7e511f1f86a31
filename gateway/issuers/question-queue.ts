import { Supervisor } from '../base/supervisor.ts'
import { FairQueue } from './fair-queue.ts'
import type { QuestionRate } from './question-rate.ts'

/**
 * Why an issuer is asked, which says who waits where it cannot take all questions at once.
 *
 * `recheck`: for a token that was valid before, or for a login session, a worker or an operator. `first`: for a token that this gate does not
 * know, from a client at that address (`addressKey`). `known`: a valid token came from there in the last 10 minutes.
 */
export type Asker =
  | { readonly kind: 'recheck' }
  | { readonly kind: 'first'; readonly address: string; readonly known: boolean }

export const rechecks: Asker = Object.freeze({ kind: 'recheck' })

export interface QuestionQueueOptions {
  /** Most questions under way. */
  readonly atOnce: number
  readonly rate: QuestionRate
}

/**
 * What became of a question that asked for a turn. `late`: it waited for its whole time. `full`: it has no place in the
 * queue, where addresses with many questions lose theirs first.
 */
export type Turn = 'granted' | 'late' | 'full'

interface Waiter {
  readonly settle: (turn: Turn) => void
}

/** Bounds of each of the three queues, and of one address in the queues of first questions. */
const RECHECKS_MAX = 4096
const FIRST_MAX = 1024
const FIRST_MAX_OF_ONE = 256
/** Part of the places that first questions from unknown addresses never take. */
const RESERVE = 0.25
/** Of so many questions in a row one is a first question from a known address, although re-checks wait. */
const FIRST_AMONG_RECHECKS = 4
/** Of so many first questions in a row one is from an unknown address, although known addresses wait. */
const UNKNOWN_AMONG_FIRST = 4

const everybody = ''

/**
 * Decides which question an issuer is asked next, within a number of questions at a time and a rate.
 *
 * Re-checks go first, so that no stranger makes a known token wait for long. First questions are served by address in turns. Those
 * from known addresses have three quarters of the turns, and a quarter of the places that nobody else takes. Unknown addresses
 * share the rest. A waiter gives up after its time.
 */
export class QuestionQueue {
  readonly #atOnce: number
  readonly #rate: QuestionRate
  readonly #rechecks = new FairQueue<Waiter>(RECHECKS_MAX, RECHECKS_MAX)
  readonly #known = new FairQueue<Waiter>(FIRST_MAX, FIRST_MAX_OF_ONE)
  readonly #unknown = new FairQueue<Waiter>(FIRST_MAX, FIRST_MAX_OF_ONE)
  /** Questions under way, and those of them from unknown addresses. */
  #busy = 0
  #busyUnknown = 0
  /** Turns in a row that re-checks had while known addresses waited, and known addresses while unknown ones did. */
  #recheckRun = 0
  #knownRun = 0
  readonly #task = new Supervisor('introspection-questions')
  /** Cancels the next attempt to serve. */
  #timer: (() => void) | undefined

  constructor({ atOnce, rate }: QuestionQueueOptions) {
    this.#atOnce = atOnce
    this.#rate = rate
  }

  /** After `granted` the question may be sent, and {@link done} must follow with the same asker. */
  take(asker: Asker, waitMs: number): Promise<Turn> {
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
