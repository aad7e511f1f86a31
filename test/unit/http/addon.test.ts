import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkAddon } from '../../../gateway/http/addon.ts'
import { knownAddons, knownScripts } from '../../../gateway/http/known-addons.ts'

// S-147: at start, a node compares the hashes of the native addon and script of uWebSockets.js with a pinned list.

const folder = join(import.meta.dirname, '../../../node_modules/uWebSockets.js')
const addons = readdirSync(folder).filter((name) => /^uws_(linux|darwin)_.*[.]node$/.test(name))

test.each(addons)('S-147: the hash of the installed addon %s is in the pinned list', (name) => {
  expect(knownAddons).toContain(
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex'),
  )
})

test('S-147: the hash of the installed script uws.js is in the pinned list', () => {
  expect(knownScripts).toContain(
    createHash('sha256')
      .update(readFileSync(join(folder, 'uws.js')))
      .digest('hex'),
  )
})

test('S-147: the check of the native addon accepts the addon and the script that are installed on this machine', () => {
  expect(() => checkAddon({ addon: undefined, script: undefined })).not.toThrow()
})
