// The set-up runs `npm ci` only if node_modules does not match package-lock.json.

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packagesInstalled } from '../../../deploy/packages.mjs'

const jose = { version: '6.0.0', integrity: 'sha512-a' }
const foreign = { version: '1.0.0', integrity: 'sha512-b', optional: true }

test.each([
  { state: 'all of it', present: { jose, foreign }, installed: true },
  { state: 'all but an optional package', present: { jose }, installed: true },
  { state: 'another version', present: { jose: { ...jose, version: '6.0.1' } }, installed: false },
  { state: 'other bytes of the version', present: { jose: { ...jose, integrity: 'sha512-c' } }, installed: false },
  { state: 'a package too few', present: { foreign }, installed: false },
  { state: 'a package too many', present: { jose, other: jose }, installed: false },
  { state: 'no record of npm', present: undefined, installed: false },
])('the set-up treats node_modules with $state as installed: $installed', ({ present, installed }) => {
  const root = mkdtempSync(join(tmpdir(), 'packages-'))
  mkdirSync(join(root, 'node_modules'))
  const write = (name: string, packages: object) => writeFileSync(join(root, name), JSON.stringify({ packages }))
  write('package-lock.json', { '': { name: 'gatehouse' }, jose, foreign })
  if (present !== undefined) write('node_modules/.package-lock.json', present)

  expect(packagesInstalled(root)).toBe(installed)
})
