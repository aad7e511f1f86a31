// The measured figures in README.md and docs/ are those of the newest stored benchmark runs. `npm run docs` updates
// them.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { benchPages } from '../../../bench/docs/bench-pages.ts'

const checkout = new URL('../../../', import.meta.url)
const fresh = benchPages()

test.each([...fresh.keys()])('the benchmark figures in %s are those of the newest stored runs', (path) => {
  expect(readFileSync(new URL(path, checkout), 'utf8'), 'run: npm run docs').toBe(fresh.get(path))
})
