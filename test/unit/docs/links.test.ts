// docs/README.md lists every page of the guide and the reference, and every link between documentation files has a
// target.

import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const checkout = resolve(import.meta.dirname, '../../..')
const docs = globSync('docs/**/*.md', { cwd: checkout })
const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'gateway/README.md', ...docs]
/** Pages that docs/README.md must list. Decision records are left out: another page lists them. */
const indexed = docs.filter((page) => page !== 'docs/README.md' && !/decisions\/\d/.test(page))

const linksOf = (page: string) =>
  [...readFileSync(join(checkout, page), 'utf8').matchAll(/\]\(([^)#\s]*)(?:#([^)\s]*))?\)/g)]
    .map(([, path, anchor]) => ({ path: path!, anchor }))
    .filter(({ path }) => !/^[a-z]+:/.test(path))

const target = (page: string, path: string) =>
  path === '' ? join(checkout, page) : resolve(checkout, dirname(page), path)

/** Returns the anchors that GitHub derives from the headings of a page. */
const anchorsOf = (file: string) =>
  [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )

test('docs/README.md links to every documentation page except single decision records', () => {
  const linked = linksOf('docs/README.md').map(({ path }) => target('docs/README.md', path))

  expect(linked).toEqual(expect.arrayContaining(indexed.map((page) => join(checkout, page))))
})

test('docs/design/decisions/README.md links to every decision record', () => {
  const index = 'docs/design/decisions/README.md'
  const linked = linksOf(index).map(({ path }) => target(index, path))
  const records = docs.filter((page) => /decisions\/\d/.test(page))

  expect(records.length).toBeGreaterThan(20)
  expect(linked).toEqual(expect.arrayContaining(records.map((page) => join(checkout, page))))
})

test.each(pages)('every link in the page %s leads to an existing file, and its anchor to a heading', (page) => {
  for (const { path, anchor } of linksOf(page)) {
    const file = target(page, path)
    expect([path, existsSync(file)]).toEqual([path, true])
    if (anchor !== undefined && file.endsWith('.md'))
      expect([path, anchorsOf(file)]).toEqual([path, expect.arrayContaining([anchor])])
  }
})
