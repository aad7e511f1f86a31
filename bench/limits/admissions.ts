import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** A request that reached the service, with the times of sending and arrival (`monotonicUs`). */
export interface Arrived {
  readonly sentUs: number
  readonly arrivedUs: number
}

/** A service, in a separate process, that counts its requests. */
export interface AdmissionService {
  readonly port: number
  /** Returns the requests of a row in the order of arrival, and deletes them at the service. */
  take(row: string): Promise<readonly Arrived[]>
  stop(): Promise<void>
}

export async function startAdmissionService(): Promise<AdmissionService> {
  const program = join(import.meta.dirname, 'admission-service.ts')
  const child = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [port] = (await once(child, 'message')) as [number]
  // One query at a time, because replies have no identifier.
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
