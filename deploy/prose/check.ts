// Compares the number of idioms in each folder with its maximum in deploy/prose/most.json. The maximum is only ever
// lowered: `--lower` writes the present numbers where they are lower. `--list` prints the numbers of all folders.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { countIdioms } from './count.ts'

const root = join(import.meta.dirname, '..', '..')
const path = join(import.meta.dirname, 'most.json')
const SHOWN = 12

const most: Readonly<Record<string, number>> = JSON.parse(readFileSync(path, 'utf8'))
const folders = [...countIdioms(root)].sort(([a], [b]) => (a < b ? -1 : 1))

if (process.argv.includes('--lower')) {
  const lowered = folders.map(([folder, { hits }]) => [folder, Math.min(hits.length, most[folder] ?? 0)])
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(lowered.filter(([, n]) => n !== 0)), null, 2)}\n`)
}

let failed = false
for (const [folder, { hits }] of folders) {
  const limit = most[folder] ?? 0
  if (process.argv.includes('--list')) console.log(`${folder} ${hits.length}`)
  if (hits.length <= limit) continue
  failed = true
  console.error(
    `prose: ${folder} has ${hits.length} idioms, at most ${limit} are allowed (deploy/prose/most.json). Rewrite some of:`,
  )
  for (const { file, line, text, instead } of hits.slice(0, SHOWN)) {
    console.error(`  ${file}:${line}  "${text}"  write: ${instead}`)
  }
}
process.exitCode = failed ? 1 : 0
