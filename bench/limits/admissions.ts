import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** A request that reached the service: time of sending and time of arrival, µs of `monotonicUs`. */
export interface Arrived {
  readonly sentUs: number
  readonly arrivedUs: number
}

/** HTTP service, run as a separate process, that records the time of each request. */
export interface AdmissionService {
  readonly port: number
  /**
   * Returns the recorded requests of a row of the result table in order of arrival, and deletes them from the service.
   */
  take(row: string): Promise<readonly Arrived[]>
  stop(): Promise<void>
}

export async function startAdmissionService(): Promise<AdmissionService> {
  const program = join(import.meta.dirname, 'admission-service.ts')
  const child = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [port] = (await once(child, 'message')) as [number]
  // Queries are sent one after the other, because the replies carry no identifier.
  let last: Promise<unknown> = Promise.resolve()
  const ask = async (row: string): Promise<number[]> => {
    child.send(row)
    return ((await once(child, 'message')) as [number[]])[0]
  }
  return {
    port,
    async take(row) {
      const asked = last.then(() => ask(row))
      last = asked
      const times = await asked
      return Array.from({ length: times.length / 2 }, (_, i) => ({
        sentUs: times[2 * i]!,
        arrivedUs: times[2 * i + 1]!,
      }))
    },
    stop: async () => {
      const exit = once(child, 'exit')
      child.disconnect()
      await exit
    },
  }
}
