// The generated pages of docs/ match the sources. `npm run docs` updates them.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorExamples } from '../../../deploy/docs/error-examples.ts'
import { generatedPages, publishedFiles } from '../../../deploy/docs/pages.ts'
import { problemsOfExample } from '../../../deploy/docs/run-example.ts'
import { reasons } from '../../../gateway/base/reasons.ts'
import { helpUriOf } from '../../../gateway/cli/sarif.ts'
import { type ProblemCode, problemCodes } from '../../../gateway/config/problem.ts'

const docs = new URL('../../../docs/', import.meta.url)
const fresh = await generatedPages()
const published = await publishedFiles()
const codes = Object.keys(problemCodes) as ProblemCode[]

test.each([...fresh.keys()])('the generated page docs/%s is up to date', (name) => {
  expect(readFileSync(new URL(name, docs), 'utf8'), 'run: npm run docs').toBe(fresh.get(name))
})

test('the documentation generator produces the same texts in two runs', async () => {
  expect(await generatedPages()).toEqual(fresh)
  expect(await publishedFiles()).toEqual(published)
})

test.each(codes)('the documented example of the error %s causes this problem and no other', async (code) => {
  const problems = await problemsOfExample(errorExamples[code])

  expect(problems.map((problem) => problem.code)).toEqual([code])
})

test.each(codes)('the help link of the error %s leads to its section in the documentation', (code) => {
  const [page, anchor] = helpUriOf(code).split('#')
  const headings = [...fresh.get(page!.replace('docs/', ''))!.matchAll(/^## (.+)$/gm)].map(([, title]) => title!)

  expect(headings.filter((title) => title.toLowerCase() === anchor)).toHaveLength(1)
})

test('generated documentation contains no path of the machine that generated it', () => {
  for (const [name, text] of [...fresh, ...published])
    expect([name, /\/tmp\/|\/work\/|\/home\//.exec(text)]).toEqual([name, null])
})

test('the generated page reasons.md has a row for every reason', () => {
  const rows = [...fresh.get('reference/reasons.md')!.matchAll(/^\| `([a-z0-9-]+)` \| (\d+) \| `(\w+)` \|/gm)]

  expect(rows.map(([, reason, status, code]) => [reason, Number(status), code])).toEqual(
    Object.entries(reasons).map(([reason, { status, code }]) => [reason, status, code]),
  )
})

test.each([
  ['a duration', '| `drain_timeout` | duration | `30s` | 0s to 1h | restart |'],
  ['a required key', '| `path` | text | *required* |  | restart |'],
  ['a size', '| `max` | size | `10MiB` | 0B to 1024GiB, or none | live |'],
  ['a choice', '| `host` | `preserve`, `upstream` | `preserve` |  | live |'],
  [
    'a word or a mapping',
    '| `credentials` | `assertion`, `token`, `none` or [credential](#credential) | `assertion` |  | live |',
  ],
  ['a number', '| `fields_max` | whole number | `98` | 8 to 98 | restart |'],
  ['a requirement', '| `not` | [requirement](#requirement) |  |  | live |'],
])('the configuration reference shows the entry of %s with type, default, bounds and reload behaviour', (_, row) => {
  expect(fresh.get('reference/configuration.md')).toContain(row)
})

test('every link between generated documentation pages has a target', () => {
  for (const [name, text] of fresh) {
    if (!name.endsWith('.md')) continue
    const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )
    for (const [, anchor] of text.matchAll(/\]\(#([^)]+)\)/g))
      expect([name, anchors]).toEqual([name, expect.arrayContaining([anchor])])
    for (const [, page] of text.matchAll(/\]\(([a-z]+\.md)\)/g))
      expect([...fresh.keys()]).toContain(`reference/${page}`)
  }
})
