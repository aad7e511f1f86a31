import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// Records contain texts of clients. React writes them as text; these names would write them as HTML or run them.

const folder = join(import.meta.dirname, '../../../gateway/console')
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  // The generated types have addresses in their comments.
  .filter((name) => /\.(?:tsx?|html|css)$/.test(name) && !name.startsWith('dist') && name !== 'api/operations.ts')
  .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }))

test.each([
  ['HTML of a text', /dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc/i],
  ['code of a text', /\beval\(|new Function\(|javascript:/i],
  ['an inline script or an inline event handler', /<script(?![^>]* src=)|\son[a-z]+="/i],
  ['anything from another origin', /https?:\/\/(?!www\.w3\.org\/2000\/svg)[a-z0-9]/i],
])('no source of the console uses %s', (_what, pattern) => {
  expect(sources.length).toBeGreaterThan(20)
  expect(sources.filter(({ text }) => pattern.test(text)).map(({ name }) => name)).toEqual([])
})
