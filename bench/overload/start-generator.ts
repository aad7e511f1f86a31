import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { FlowPlan, FlowReport } from './flow.ts'

/** The load generator in its own process. */
export interface FlowGenerator {
  readonly pid: number
  /** Sends the flows. Only one plan at a time. @throws {Error} when the process ends before its result */
  carryOut(plan: FlowPlan): Promise<FlowReport>
  stop(): Promise<void>
}

export function startFlowGenerator(): FlowGenerator {
  const child = fork(join(import.meta.dirname, 'generator.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const exit = once(child, 'exit')
  return {
    pid: child.pid!,
    async carryOut(plan) {
      child.send(plan)
      const failed = exit.then(([code]): never => {
        throw new Error(`the load generator ended with exit code ${code}`)
      })
      return (await Promise.race([once(child, 'message') as Promise<[FlowReport]>, failed]))[0]
    },
    stop: async () => {
      child.disconnect()
      await exit
    },
  }
}
