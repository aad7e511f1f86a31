// Ends processes that outlived whoever started them. One runs beside each process that starts children: it reads their
// marks from stdin (`+mark` to watch, `-mark` to forget), and the end of stdin, which comes however its parent died,
// means: end what is left, gently, then hard.

import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning } from './process-mark.mjs'

const graceMs = 5000
const watched = new Set<string>()

// Signals to the group are for the parent. This process ends with its pipe, never before it.
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

/** Youngest first: what came later leans on what came before. */
function rest(): string[] {
  return [...watched].filter(isRunning).reverse()
}

function signalRest(signal: NodeJS.Signals): void {
  for (const mark of rest()) process.kill(Number.parseInt(mark, 10), signal)
}
