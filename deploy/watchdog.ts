// Watchdog: ends child processes that outlive their parent. A process that starts children runs one watchdog and writes
// marks of its children to the watchdog's stdin: `+mark` starts the supervision of a child, `-mark` ends it. When stdin
// ends, the parent has ended. The watchdog then sends SIGTERM to all supervised children, and SIGKILL after 5 s.

import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning } from './process-mark.mjs'

const graceMs = 5000
const watched = new Set<string>()

// The watchdog ignores signals to the process group, because they are meant for the parent. It ends only when its pipe
// closes.
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

/**
 * Returns the supervised children, newest first, because processes that were started later depend on the earlier
 * processes.
 */
function rest(): string[] {
  return [...watched].filter(isRunning).reverse()
}

function signalRest(signal: NodeJS.Signals): void {
  for (const mark of rest()) process.kill(Number.parseInt(mark, 10), signal)
}
