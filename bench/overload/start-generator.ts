import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { FlowMessage, FlowPlan, FlowReport } from './flow.ts'

/** The load generator in its own process. */
export interface FlowGenerator {
  readonly pid: number
  /**
   * Sends the flows. Only one plan at a time.
   *
   * @param onStep  called with its number when a step begins
   * @throws {Error} when the process ends before its result
   */
  carryOut(plan: FlowPlan, onStep?: (step: number) => void): Promise<FlowReport>
  stop(): Promise<void>
}

export function startFlowGenerator(): FlowGenerator {
  const child = fork(join(import.meta.dirname, 'generator.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const exit = once(child, 'exit')
  return {
    pid: child.pid!,
    carryOut: (plan, onStep = () => undefined) =>
      new Promise((resolve, reject) => {
        const receive = (message: FlowMessage): void => {
          if ('step' in message) onStep(message.step)
          else {
            child.off('message', receive)
            resolve(message.report)
          }
        }
        child.on('message', receive)
        exit.then(([code]) => reject(new Error(`the load generator ended with exit code ${code}`)))
        child.send(plan)
      }),
    stop: async () => {
      child.disconnect()
      await exit
    },
  }
}
