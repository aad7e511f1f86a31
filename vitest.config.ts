import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { UnstableReporter } from './test/kit/unstable-reporter.ts'

const shared = {
  setupFiles: ['test/kit/file-hooks.ts'],
  // These limits end a test that hangs. They leave room for a machine that other work keeps busy.
  testTimeout: 120_000,
  hookTimeout: 240_000,
  expect: { poll: { timeout: 40_000 } },
}

/**
 * Tests of real processes. A failed test is repeated once, because a deadline of the product can pass on a machine that
 * stalls. `UnstableReporter` lists each test that needed the repetition.
 */
const ofProcesses = { ...shared, retry: { count: 1, delay: 1000 } }

/** Unit tests that start Redis or another process. */
const withProcesses = ['test/unit/**/*.process.test.ts']

export default defineConfig({
  test: {
    reporters: ['default', new UnstableReporter()],
    // Files of `integration` and `cluster` wait for more than half of their time. 16: the ranges in `test/kit/ports.ts`.
    maxWorkers: Math.min(16, 3 * availableParallelism()),
    projects: [
      { test: { ...ofProcesses, name: 'cluster', include: ['test/cluster/**/*.test.ts'] } },
      {
        test: {
          ...ofProcesses,
          name: 'integration',
          include: [...withProcesses, 'test/{integration,regression,browser}/**/*.test.ts'],
        },
      },
      // The files of a worker share their modules: a unit test changes no state of a module.
      {
        test: { ...shared, name: 'unit', include: ['test/unit/**/*.test.ts'], exclude: withProcesses, isolate: false },
      },
    ],
  },
})
