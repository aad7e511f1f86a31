// Every page is found from the index, and every link between files leads somewhere.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const checkout = resolve(import.meta.dirname, '../../..')
const docs = join(checkout, 'docs')
const names = readdirSync(docs).filter((name) => name.endsWith('.md'))
const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...names.map((name) => `docs/${name}`)]

const linksOf = (page: string) =>
  [...readFileSync(join(checkout, page), 'utf8').matchAll(/\]\(([^)#\s]*)(?:#([^)\s]*))?\)/g)]
    .map(([, path, anchor]) => ({ path: path!, anchor }))
    .filter(({ path }) => !/^[a-z]+:/.test(path))

/** As forges make them of headings. */
const anchorsOf = (file: string) =>
  [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )

test('docs/README.md names every page', () => {
  const named = linksOf('docs/README.md').map(({ path }) => path)

  expect(named).toEqual(expect.arrayContaining(names.filter((name) => name !== 'README.md')))
})

test.each(pages)('the links of %s lead somewhere', (page) => {
  for (const { path, anchor } of linksOf(page)) {
    const file = path === '' ? join(checkout, page) : resolve(checkout, dirname(page), path)
    expect([path, existsSync(file)]).toEqual([path, true])
    if (anchor !== undefined && file.endsWith('.md'))
      expect([path, anchorsOf(file)]).toEqual([path, expect.arrayContaining([anchor])])
  }
})
