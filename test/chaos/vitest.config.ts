import { defineConfig } from 'vitest/config'

// Tests under hostile load that run for minutes. `npm run chaos` runs them; `npm test` does not.
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
