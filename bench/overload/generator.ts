import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from '../harness/statistics.ts'
import type { FlowMessage, FlowPlan, FlowReport } from './flow.ts'
import { FlowSender } from './flow-sender.ts'

/**
 * Load generator with open-loop flows, run as a separate process. Sends the flows of each plan that it receives, reports
 * the beginning of each step, and returns the results. Checks every 1 ms which requests are due; the latency of a request counts from the time at
 * which it was due.
 */

/** Longest wait for outstanding replies after the last step, ms. */
const PATIENCE_MS = 3000

async function carryOut({ port, steps, flows }: FlowPlan): Promise<FlowReport> {
  let endMs = performance.now()
  const startsMs = steps.map((seconds) => {
    const startMs = endMs
    endMs += seconds * 1000
    return startMs
  })
  const senders = flows.map((flow) => new FlowSender(port, flow, startsMs, endMs))
  const gapsMs: number[] = []
  let lastMs = performance.now()
  let step = 0
  for (let nowMs = performance.now(); nowMs < endMs; nowMs = performance.now()) {
    while (startsMs[step]! <= nowMs) tell({ step: step++ })
    gapsMs.push(nowMs - lastMs)
    lastMs = nowMs
    for (const sender of senders) sender.send(nowMs)
    await sleep(1)
  }
  while (step < steps.length) tell({ step: step++ })
  while (performance.now() < endMs + PATIENCE_MS && senders.some(({ open }) => open > 0)) await sleep(10)
  const results = Object.fromEntries(flows.map(({ name }, i) => [name, senders[i]!.end()]))
  return { results, lateP99Ms: quantile(Float64Array.from(gapsMs).sort(), 0.99) }
}

function tell(message: FlowMessage): void {
  process.send?.(message)
}

process.on('message', (plan: FlowPlan) => {
  carryOut(plan).then(
    (report) => tell({ report }),
    (error: Error) => {
      process.stderr.write(`load generator: ${error.stack}\n`)
      process.exit(1)
    },
  )
})
process.once('disconnect', () => process.exit(0))
