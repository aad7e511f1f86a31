// Part of `npm run docs`: writes the figures of the newest stored runs into README.md and docs/. A test fails when a
// run was stored and `npm run docs` was not run after it.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchPages } from './bench-pages.ts'

for (const [path, text] of benchPages()) {
  writeFileSync(join(import.meta.dirname, '../..', path), text)
  console.log(path)
}
