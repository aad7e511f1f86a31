import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { ResultReporter } from './test/kit/result-reporter.ts'
import { SlowFirst } from './test/kit/slow-first.ts'

const shared = {
  setupFiles: ['test/kit/file-hooks.ts'],
  // The test files of a worker share their modules and their process: to load all modules for each file takes a fifth of
  // the CPU time. A test must not change the state of a module.
  isolate: false,
  // Time limits for tests and hooks that hang. They are long enough for a machine that is busy with other work.
  testTimeout: 120_000,
  hookTimeout: 240_000,
  expect: { poll: { timeout: 40_000 } },
}

/** Settings of tests that run real processes. */
const ofProcesses = { ...shared, globalSetup: ['test/kit/programs-setup.ts'] }

/** Unit tests that start Redis or another process. They belong to the project `integration`. */
const withProcesses = ['test/unit/**/*.process.test.ts']

export default defineConfig({
  test: {
    reporters: ['default', new ResultReporter()],
    sequence: { sequencer: SlowFirst },
    // Test files of `integration` and `cluster` mostly wait, so more workers than CPU cores run. At most 16 workers,
    // because test/kit/ports.ts has 16 ranges of ports.
    maxWorkers: Math.min(16, 4 * availableParallelism()),
    projects: [
      { test: { ...ofProcesses, name: 'cluster', include: ['test/cluster/**/*.test.ts'] } },
      {
        test: {
          ...ofProcesses,
          name: 'integration',
          include: [...withProcesses, 'test/{integration,regression,browser}/**/*.test.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          exclude: withProcesses,
          // Unit tests rarely wait. More workers would only load the modules of the product more often: with 8 workers on
          // two cores, these tests take 107 s of CPU time instead of 73 s.
          maxWorkers: Math.min(16, availableParallelism() + 1),
          // A project with its own number of workers must be in its own group. It runs after the other projects.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
