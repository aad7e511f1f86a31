// Writes the generated part of docs/: `npm run docs`. A test fails when it was not run after a change.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generatedPages } from './pages.ts'

const folder = join(import.meta.dirname, '../../docs')

for (const [name, text] of await generatedPages()) {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  console.log(`docs/${name}`)
}
