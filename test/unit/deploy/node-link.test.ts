// After `npm run setup`, node_modules/.bin/node is Node 24, whichever version of npm has installed the packages.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { linkNode } from '../../../deploy/packages.mjs'

test('`npm run setup` links Node 24 as node_modules/.bin/node if that file is missing, and does not change an existing file', () => {
  const root = mkdtempSync(join(tmpdir(), 'packages-'))
  const packaged = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin')
  const link = join(root, 'node_modules', '.bin', 'node')
  linkNode(root)
  expect(existsSync(link)).toBe(false)

  mkdirSync(packaged, { recursive: true })
  writeFileSync(join(packaged, 'node'), 'Node 24')
  linkNode(root)
  expect(readFileSync(link, 'utf8')).toBe('Node 24')

  rmSync(link)
  writeFileSync(link, 'of npm')
  linkNode(root)
  expect(readFileSync(link, 'utf8')).toBe('of npm')
})
