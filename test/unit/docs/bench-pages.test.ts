// Measured figures in README.md and docs/ are those of the newest stored runs. `npm run docs` renews them.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { benchPages } from '../../../bench/docs/bench-pages.ts'

const checkout = new URL('../../../', import.meta.url)
const fresh = benchPages()

test.each([...fresh.keys()])('%s is up to date', (path) => {
  expect(readFileSync(new URL(path, checkout), 'utf8'), 'run: npm run docs').toBe(fresh.get(path))
})
