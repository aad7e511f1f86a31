// Writes measured figures into README.md and docs/. Part of `npm run docs`. A test fails if it was not run after a new
// run was stored.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchPages } from './bench-pages.ts'

for (const [path, text] of benchPages()) {
  writeFileSync(join(import.meta.dirname, '../..', path), text)
  console.log(path)
}
