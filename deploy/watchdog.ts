// Ends child processes that outlive their parent. One watchdog runs for each process that starts children. It reads marks
// of children from stdin: `+mark` starts watching, `-mark` stops. The end of stdin means that the parent has ended: the
// watchdog then sends SIGTERM to all watched processes, and SIGKILL after 5 s.

import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning } from './process-mark.mjs'

const graceMs = 5000
const watched = new Set<string>()

// Signals to the process group are for the parent. The watchdog ends only when its pipe closes.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const mark = line.slice(1)
  if (line.startsWith('+')) watched.add(mark)
  else watched.delete(mark)
}

signalRest('SIGTERM')
const deadlineMs = performance.now() + graceMs
while (rest().length > 0 && performance.now() < deadlineMs) await sleep(50)
signalRest('SIGKILL')

/** Newest first: later processes depend on earlier ones. */
function rest(): string[] {
  return [...watched].filter(isRunning).reverse()
}

function signalRest(signal: NodeJS.Signals): void {
  for (const mark of rest()) process.kill(Number.parseInt(mark, 10), signal)
}
