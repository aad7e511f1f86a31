import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // What bounds a wait ends one that hangs; a machine that others use must not.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 40_000 } },
    // For two cores, which also run real nodes, issuers and services: tests wait for half of their time.
    maxWorkers: 3,
  },
})
