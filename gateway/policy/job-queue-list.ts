import type { QueueListing } from '../queues/queue-view.ts'
import { RedisFault, redisFault } from '../redis/redis-fault.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { allQueues } from './job-queues.ts'
import type { Snapshot } from './snapshot.ts'

/** Longest wait for the state of all queues, ms. */
const WAIT_MS = 2000

interface JobQueueListDependencies {
  readonly link: RedisLink
  /** Policy in force. */
  readonly current: () => Snapshot
  /** Audit sinks in the settings. */
  readonly sinks: readonly { readonly name: string }[]
}

/** Lists the job queues of the workers with their state, for operators. */
export class JobQueueList {
  readonly #dependencies: JobQueueListDependencies
  /** Opened by the first call, because most nodes are never asked. */
  #connection: ReturnType<RedisLink['queueConnection']> | undefined
  /** The call in progress. Callers at the same time share it, so that many viewers cost as much as one. */
  #running: Promise<QueueListing[]> | undefined

  constructor(dependencies: JobQueueListDependencies) {
    this.#dependencies = dependencies
  }

  /** @throws {RedisFault} as a rejection, when Redis does not reply in 2 s */
  list(): Promise<QueueListing[]> {
    this.#running ??= this.#list().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #list(): Promise<QueueListing[]> {
    const { link, current, sinks } = this.#dependencies
    // Load the queue library here, because loading takes time and memory.
    const { QueueView } = await import('../queues/queue-view.ts')
    this.#connection ??= link.queueConnection('producer', 'queue-view')
    const connection = this.#connection
    const listed = allQueues(current(), sinks).map(({ kind, names }) =>
      new QueueView(kind, link, connection).list(names, true),
    )
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(reject, WAIT_MS, new RedisFault('TIMEOUT', 'no reply about the job queues'))
    try {
      return (await Promise.race([Promise.all(listed), late])).flat()
    } catch (error) {
      throw redisFault(error)
    } finally {
      clearTimeout(timer)
    }
  }
}
