// Files and texts of the setting `pages`.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readCss, readLogo } from '../../../gateway/config/page-files.ts'
import { pagesSettings } from '../../../gateway/config/pages-settings.ts'

const root = mkdtempSync(join(tmpdir(), 'page-files-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function fileOf(content: string | Buffer): string {
  const path = join(root, 'file')
  writeFileSync(path, content)
  return path
}

const png = Buffer.from('89504e470d0a1a0a00', 'hex')
const svg = '<?xml version="1.0"?>\n<!-- a <b> -->\n<svg xmlns="http://www.w3.org/2000/svg"></svg>'

test.each([
  ['PNG', png, 'image/png'],
  ['JPEG', Buffer.from('ffd8ffe0', 'hex'), 'image/jpeg'],
  ['WebP', Buffer.from('RIFF\x10\x00\x00\x00WEBPVP8 ', 'latin1'), 'image/webp'],
  ['SVG', svg, 'image/svg+xml'],
])('a logo (setting pages.logo) in %s has the media type of its content', (_, content, type) => {
  expect(readLogo(fileOf(content)).type).toBe(type)
})

test.each([
  ['an HTML document', '<html><svg></svg></html>', /no PNG, JPEG, WebP or SVG image; convert/],
  ['bytes that are no text', Buffer.from('fffe00', 'hex'), /no PNG, JPEG, WebP or SVG image/],
  ['an SVG image with a script', '<svg><script>alert(1)</script></svg>', /with a script, an event handler/],
  ['an SVG image with an event handler', '<svg onload="alert(1)"></svg>', /with a script, an event handler/],
  ['an SVG image with a script URL', '<svg><a href="javascript:alert(1)"/></svg>', /with a script, an event handler/],
  ['a file larger than 64KiB', Buffer.concat([png, Buffer.alloc(65_536)]), /has 65545 bytes; the maximum is 64KiB/],
])('the settings reject a logo (pages.logo): %s', (_, content, message) => {
  expect(() => readLogo(fileOf(content))).toThrow(message)
})

test.each([
  ['@import', '@IMPORT "https://evil.example/x.css";'],
  ['url(', 'main { background: url(https://evil.example/x.png) }'],
  ['image-set(', 'main { background: image-set("https://evil.example/x.png" 1x) }'],
  ['</style', '/* </STYLE> */'],
])('the settings reject a style sheet (pages.css) with %s', (part, content) => {
  expect(() => readCss(fileOf(content))).toThrow(`contains ${part}; remove it`)
})

test.each([
  ['url( in the third line', 'a { color: red }\n\nb { background: URL(x) }', ':3 contains url(; remove it'],
  [
    'url( written with an escape',
    'a { color: red }\nb { background: u\\72l(x) }',
    ':2 contains a backslash; write the',
  ],
  ['an escape in a text', "a::before { content: '\\201C' }", ':1 contains a backslash; write the character itself'],
])('the settings error for a style sheet (pages.css) with %s names file and line', (_, content, message) => {
  const file = fileOf(content)

  expect(() => readCss(file)).toThrow(`${file}${message}`)
})

test('the settings reject a style sheet (pages.css) that is no valid UTF-8, no file or absent', () => {
  expect(() => readCss(fileOf(Buffer.from('fffe', 'hex')))).toThrow(/is not valid UTF-8/)
  expect(() => readCss(root)).toThrow(/is not a file/)
  expect(() => readCss(join(root, 'absent'))).toThrow(/cannot be read \(ENOENT\)/)
})

test.each([
  ['Ask in room 12', undefined],
  ['Call: 555 0100', undefined],
  ['https://help.example/login?x=1', 'https://help.example/login?x=1'],
  ['mailto:help@example.org', 'mailto:help@example.org'],
])('the setting pages.support %j becomes the link %j on the pages of the gate', (support, href) => {
  expect(pagesSettings.parse({ support }).support?.href).toBe(href)
})

test.each([
  'http://help.example/',
  'javascript:alert(1)',
  'data:text/html,x',
  'https://user@help.example/',
  'mailto:nobody',
  'two\nlines',
  ' ',
  'x'.repeat(201),
])('the setting pages.support %j is rejected', (support) => {
  expect(pagesSettings.safeParse({ support }).error?.issues[0]?.message).toMatch(
    /must be a text of 1 to 200 characters, an https URL, or a mailto URL/,
  )
})

test('the settings error for an unusable logo or style sheet names its key, pages.logo or pages.css', () => {
  const { error } = pagesSettings.safeParse({ css: join(root, 'absent') })

  expect(error?.issues.map(({ path }) => path)).toEqual([['css']])
})
