import { fork } from 'node:child_process'
import { once } from 'node:events'

/** A service of a benchmark, in its own process. */
export interface ForkedService {
  readonly port: number
  stop(): Promise<void>
}

/** Starts a program that reports its port as its first message, and ends when the parent closes the IPC channel. */
export async function startForkedService(program: string): Promise<ForkedService> {
  const child = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
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
