// Preloaded into a node whose event loop a test keeps busy. SIGUSR2 begins and ends it: the module then blocks the event
// loop for 20 ms in each turn.

import { performance } from 'node:perf_hooks'

const BLOCK_MS = 20

let isBusy = false

function block(): void {
  if (!isBusy) return
  const endMs = performance.now() + BLOCK_MS
  while (performance.now() < endMs);
  setTimeout(block, 1)
}

process.on('SIGUSR2', () => {
  isBusy = !isBusy
  block()
})
