import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // For two cores, which also run real nodes, issuers and services: tests wait for half of their time.
    maxWorkers: 3,
  },
})
