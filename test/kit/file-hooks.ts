import { afterAll, afterEach, vi } from 'vitest'
import { dumpAll, stopAll } from './cleanup.ts'

// Hooks that vitest loads for each test file (`setupFiles` of the configuration). The test files of a worker share
// their modules, so a hook that a kit module registers while it loads would run for the first file only.

afterEach(({ task }) => {
  if (task.result?.state === 'fail') dumpAll()
})

afterAll(async () => {
  await stopAll()
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})
