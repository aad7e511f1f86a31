import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const shared = {
  setupFiles: ['test/kit/file-hooks.ts'],
  // These limits end a test that hangs. They leave room for a machine that other work keeps busy.
  testTimeout: 120_000,
  hookTimeout: 240_000,
  expect: { poll: { timeout: 40_000 } },
}

/** Unit tests that start Redis or another process. */
const withProcesses = ['test/unit/**/*.process.test.ts']

export default defineConfig({
  test: {
    // Files of `integration` and `cluster` wait for more than half of their time. 16: the ranges in `test/kit/ports.ts`.
    maxWorkers: Math.min(16, 3 * availableParallelism()),
    projects: [
      { test: { ...shared, name: 'cluster', include: ['test/cluster/**/*.test.ts'] } },
      {
        test: {
          ...shared,
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
