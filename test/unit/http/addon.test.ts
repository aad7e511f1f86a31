import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkAddon } from '../../../gateway/http/addon.ts'
import { knownAddons, knownScripts } from '../../../gateway/http/known-addons.ts'

// S-147: the hash of the addon file at start against the pinned list.

const folder = join(import.meta.dirname, '../../../node_modules/uWebSockets.js')
const addons = readdirSync(folder).filter((name) => /^uws_(linux|darwin)_.*[.]node$/.test(name))

test.each(addons)('S-147 %s of the lockfile is known', (name) => {
  expect(knownAddons).toContain(
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex'),
  )
})

test('S-147 the script of the lockfile is known', () => {
  expect(knownScripts).toContain(
    createHash('sha256')
      .update(readFileSync(join(folder, 'uws.js')))
      .digest('hex'),
  )
})

test('S-147 the addon and the script of this machine are accepted', () => {
  expect(() => checkAddon({ addon: undefined, script: undefined })).not.toThrow()
})
