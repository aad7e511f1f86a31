// `npm run setup` runs `npm ci` only if node_modules does not match package-lock.json.

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packagesInstalled } from '../../../deploy/packages.mjs'

const jose = { version: '6.0.0', integrity: 'sha512-a' }
const foreign = { version: '1.0.0', integrity: 'sha512-b', optional: true }

test.each([
  { state: 'all packages', present: { jose, foreign }, installed: true },
  { state: 'all packages but an optional one', present: { jose }, installed: true },
  { state: 'another version of a package', present: { jose: { ...jose, version: '6.0.1' } }, installed: false },
  { state: 'a package with another hash', present: { jose: { ...jose, integrity: 'sha512-c' } }, installed: false },
  { state: 'all packages but a required one', present: { foreign }, installed: false },
  { state: 'an additional package', present: { jose, other: jose }, installed: false },
  { state: 'no list of installed packages by npm', present: undefined, installed: false },
])(
  'when node_modules contains $state, the check of `npm run setup` for installed packages returns $installed',
  ({ present, installed }) => {
    const root = mkdtempSync(join(tmpdir(), 'packages-'))
    mkdirSync(join(root, 'node_modules'))
    const write = (name: string, packages: object) => writeFileSync(join(root, name), JSON.stringify({ packages }))
    write('package-lock.json', { '': { name: 'gatehouse' }, jose, foreign })
    if (present !== undefined) write('node_modules/.package-lock.json', present)

    expect(packagesInstalled(root)).toBe(installed)
  },
)
