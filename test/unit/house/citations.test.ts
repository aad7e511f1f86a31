// Comments, test titles and documentation pages cite only documents that a reader of this repository can open.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const checkout = resolve(import.meta.dirname, '../../..')
const self = 'test/unit/house/citations.test.ts'
const files = execFileSync('git', ['ls-files', '-z'], { cwd: checkout, encoding: 'utf8' })
  .split('\0')
  .filter((file) => /\.(?:tsx?|mjs|cjs|lua|md|sh|ya?ml|cfg|conf|service)$/.test(file) && file !== self)
  .filter((file) => existsSync(join(checkout, file)))

const read = (file: string) => readFileSync(join(checkout, file), 'utf8')

const texts = files.map((file) => [file, read(file)] as const)

/** Returns each match as `file:line text`. */
const matches = (pattern: RegExp, except = /^$/): string[] =>
  texts
    .filter(([file]) => !except.test(file))
    .flatMap(([file, text]) =>
      [...text.matchAll(pattern)].map(
        ({ 0: found, index }) => `${file}:${text.slice(0, index).split('\n').length} ${found}`,
      ),
    )

test.each([
  [
    'a document outside the repository',
    /\b(?:CONTRACT|ARCHITECTURE|PERFORMANCE|STREAMS|REDIS|STYLE)(?:\.md\b| §| H\d)/g,
  ],
  ['a section of a document without its name', /(?:SECURITY(?:\.md)?[,:]? (?:§|S-\d|group)|['"`(|] ?§1\.\d)/g],
  ['an issue that readers cannot open', /\bissue #?\d+\b/gi],
  ['a path of one machine', /\/work\/|\/tmp\/brief/g],
])('no file of the repository cites %s', (_what, pattern) => {
  // docs/design/comparison.md cites commits and issues of other projects. generated.test.ts contains paths as test
  // data.
  expect(matches(pattern, /^(?:docs\/design\/comparison\.md|test\/unit\/docs\/generated\.test\.ts)$/)).toEqual([])
})

test('every page of docs/ that a file of the repository names exists', () => {
  const missing = matches(
    /(?<![\w./])docs\/[\w./-]+\.(?:md|json)/g,
    /^(?:CHANGELOG|docs\/design\/comparison)\.md$/,
  ).filter((match) => !existsSync(join(checkout, match.slice(match.indexOf(' ') + 1))))
  expect(missing).toEqual([])
})

test('every section of docs/design/contract.md and architecture.md that a file cites exists', () => {
  const sections = (page: string) => new Set([...read(page).matchAll(/^## (\d+)\. /gm)].map(([, number]) => number!))
  const known = {
    contract: sections('docs/design/contract.md'),
    architecture: sections('docs/design/architecture.md'),
  }
  expect([known.contract.size, known.architecture.size]).toEqual([14, 6])
  const cited = matches(/\b(?:contract|architecture)(?:\.md)? §\d+(?:(?:, | and )§\d+)*/gi)
  expect(cited.length).toBeGreaterThan(30)
  const missing = cited.filter((match) => {
    const page = /architecture(?:\.md)? §/i.test(match) ? 'architecture' : 'contract'
    return [...match.matchAll(/§(\d+)/g)].some(([, number]) => !known[page].has(number!))
  })
  expect(missing).toEqual([])
})

test('every attack case that a file of the repository cites is in docs/design/attack-cases.md', () => {
  const cases = new Set(
    [...read('docs/design/attack-cases.md').matchAll(/^\| (S-\d{3}) \|/gm)].map(([, name]) => name!),
  )
  expect(cases.size).toBe(165)
  const unknown = matches(/\bS-\d{3}\b/g).filter((match) => !cases.has(match.slice(match.lastIndexOf(' ') + 1)))
  expect(unknown).toEqual([])
})
