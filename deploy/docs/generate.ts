// `npm run docs` writes the generated pages of docs/, which are committed, and documents below .gatehouse/docs/, which
// are only published. A test fails when a committed page differs from its generated text.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generatedPages, publishedFiles } from './pages.ts'

const checkout = join(import.meta.dirname, '../..')

write('docs', await generatedPages())
write('.gatehouse/docs', await publishedFiles())

function write(folder: string, texts: ReadonlyMap<string, string>): void {
  for (const [name, text] of texts) {
    const file = join(folder, name)
    const path = join(checkout, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    console.log(file)
  }
}
