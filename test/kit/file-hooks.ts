import { afterAll, afterEach, beforeEach, vi } from 'vitest'
import { dumpAll, startedParts, stopAll, stopSince } from './cleanup.ts'

// Hooks that vitest loads for each test file (`setupFiles` of the configuration). The test files of a worker share
// their modules, so a hook that a kit module registers while it loads would run for the first file only.

let before = 0

beforeEach(() => {
  before = startedParts()
})

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return
  dumpAll()
  // Concurrent tests start parts at the same time, so the parts of one of them are not known.
  if (task.concurrent !== true) await stopSince(before)
})

afterAll(async () => {
  await stopAll()
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})
