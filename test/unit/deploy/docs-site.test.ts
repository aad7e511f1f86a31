// `npm run docs:site` converts the documentation pages and links of the repository to those of a web site. The build
// does not run in the tests, because it installs VitePress.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { brokenLinks } from '../../../deploy/site/built-links.ts'
import { sidebarOf } from '../../../deploy/site/sidebar.ts'
import { sitePage, sitePages } from '../../../deploy/site/site-pages.ts'

const checkout = resolve(import.meta.dirname, '../../..')
const pages = sitePages(checkout)
const isFile = (path: string) => statSync(join(checkout, path), { throwIfNoEntry: false })?.isFile() === true

test('the documentation site has a page for every page of docs/, and an index page for every README', () => {
  expect(pages.get('docs/README.md')).toBe('index.md')
  expect(pages.get('docs/guide/policy.md')).toBe('guide/policy.md')
  expect(pages.get('docs/design/decisions/README.md')).toBe('design/decisions/index.md')
  expect(pages.get('gateway/README.md')).toBe('project/gateway.md')
  expect(new Set(pages.values()).size).toBe(pages.size)
})

test.each([...pages.keys()])(
  'every file to which %s links exists, so that the documentation site can copy the file',
  (path) => {
    const { files } = sitePage(path, readFileSync(join(checkout, path), 'utf8'), pages, isFile)

    expect(files.filter((file) => !isFile(file))).toEqual([])
  },
)

test.each([
  ['a link to a page', '[a](../design/contract.md#7-rate-limits)', '[a](/design/contract.md#7-rate-limits)'],
  ['a link to the index of a folder', '[a](../design/decisions/README.md)', '[a](/design/decisions/index.md)'],
  ['a link to a page outside docs/', '[a](../../gateway/README.md)', '[a](/project/gateway.md)'],
  ['a link to a file', '[a](../../deploy/haproxy.cfg)', '[a](/files/deploy/haproxy.cfg.txt)'],
  ['a link to a JSON document', '[a](../reference/openapi.json)', '[a](/files/docs/reference/openapi.json)'],
  ['a heading of the same page', '[a](#b)', '[a](#b)'],
  ['a link to another host, unchanged', '[a](https://a.example/b.md#c)', '[a](https://a.example/b.md#c)'],
  ['a link within a code block, unchanged', '```md\n[a](nowhere.md)\n```', '```md\n[a](nowhere.md)\n```'],
  ['a comment, which it removes', 'a\n<!-- bench:b -->\nc', 'a\nc'],
])('the build of the documentation site converts this Markdown syntax: %s', (_what, given, expected) => {
  expect(sitePage('docs/guide/policy.md', given, pages, () => true).text).toBe(expected)
})

test.each(['../../deploy', 'nowhere.md'])('the build of the documentation site fails for a link to %s', (target) => {
  expect(() => sitePage('docs/guide/policy.md', `[a](${target})`, pages, isFile)).toThrow(
    `docs/guide/policy.md: the link to ${target} leads to no page and no file`,
  )
})

test('the navigation of the documentation site lists the pages of each section of docs/README.md', () => {
  const index = '# Documentation\n\n## I run it\n\n| [A](/a.md), [B](/b/c.md) | x |\n\n## Empty\n\ntext\n'

  expect(sidebarOf(index)).toEqual([
    {
      text: 'I run it',
      items: [
        { text: 'A', link: '/a.md' },
        { text: 'B', link: '/b/c.md' },
      ],
    },
  ])
})

test('the check of the documentation site finds links in the built site that have no target', () => {
  const folder = mkdtempSync(join(tmpdir(), 'docs-site-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  write(
    'index.html',
    '<h1 id="top">A</h1><a href="/docs/guide/a.html#b">1</a><a href="#top">2</a><a href="/docs/">3</a>',
  )
  write(
    'guide/a.html',
    `<h2 id="b">B</h2><a href="https://a.example/">1</a><img src="/docs/files/p.svg"><a href="/docs/guide/a.html#c">2</a>
     <a href="/other.html">3</a><a href="gone.html">4</a><a href="../index.html#top">5</a>`,
  )
  write('files/p.svg', '<svg/>')

  expect(brokenLinks(folder, '/docs/')).toEqual([
    'guide/a.html: /docs/guide/a.html#c',
    'guide/a.html: /other.html',
    'guide/a.html: gone.html',
  ])
})
