import { defineConfig } from 'vitest/config'

// Runs of minutes under hostile load: `npm run chaos`, not a part of `npm test`.
export default defineConfig({
  test: {
    include: ['test/chaos/*.chaos.ts'],
    setupFiles: ['test/kit/file-hooks.ts'],
    testTimeout: 15 * 60_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 1,
    disableConsoleIntercept: true,
  },
})
