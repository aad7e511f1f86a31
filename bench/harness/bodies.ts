import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** A service for large bodies, in a separate process. */
export interface BodyService {
  readonly port: number
  stop(): Promise<void>
}

export async function startBodyService(): Promise<BodyService> {
  const child = fork(join(import.meta.dirname, 'body-service.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [port] = (await once(child, 'message')) as [number]
  return {
    port,
    stop: async () => {
      const exit = once(child, 'exit')
      child.disconnect()
      await exit
    },
  }
}
