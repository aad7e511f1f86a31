import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { operations } from '../../../gateway/admin/operations.ts'

test('docs/reference/admin-api.md has every operation in its table, with its scope', () => {
  const page = readFileSync(new URL('../../../docs/reference/admin-api.md', import.meta.url), 'utf8')
  const rows = Array.from(
    page.matchAll(/^\| `((?:GET|POST) \S+)` \| `(\S+)` \|/gm),
    ([, call, scope]) => `${call} ${scope}`,
  )

  expect(rows.toSorted()).toEqual(operations.map(({ method, path, scope }) => `${method} ${path} ${scope}`).toSorted())
})
