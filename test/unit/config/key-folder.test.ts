// Keys of a folder: one file per key, whose name is the id of the key.

import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { ConfigError } from '../../../gateway/config/problem.ts'
import { readSettings } from '../../../gateway/config/settings.ts'

const root = mkdtempSync(join(tmpdir(), 'gatehouse-key-folder-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folders = 0
let folder: string
beforeEach(() => {
  folder = join(root, `keys-${++folders}`)
  mkdirSync(folder)
})

const newKey = () => randomBytes(32).toString('base64url')
const put = (name: string, text = newKey()) => writeFileSync(join(folder, name), `${text}\n`, { mode: 0o600 })

function load(directory = folder, env: Readonly<Record<string, string>> = {}) {
  const path = join(root, 'gatehouse.yaml')
  const keys = env['GATEHOUSE_KEYS_ENCRYPTION'] === undefined ? { keys: { encryption: { directory } } } : {}
  writeFileSync(path, stringify({ policy: { path: 'policy.yaml' }, ...keys }))
  return readSettings({ path, env, flags: {} })
}

const ids = (loaded: ReturnType<typeof load>) => loaded.settings.keys.encryption.map(({ id }) => id)

function problemOf(directory = folder): string {
  try {
    load(directory)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`).join()
    throw error
  }
  return ''
}

test('the keys of a key folder have the names of their files as ids, and are sorted by name', () => {
  put('2026-12')
  put('2026-11')
  put('.hidden', 'no key')
  const loaded = load()

  expect(ids(loaded)).toEqual(['2026-11', '2026-12'])
  expect(loaded.keyFiles).toEqual([folder])
  expect(loaded.keySources).toContainEqual({
    kind: 'encryption',
    id: '2026-11',
    source: `file ${join(folder, '2026-11')}`,
  })
})

test('the path of a key folder starts at the folder of the settings file, and an environment variable can set the path', () => {
  put('k1')
  expect(ids(load(`keys-${folders}`))).toEqual(['k1'])
  expect(ids(load(undefined, { GATEHOUSE_KEYS_ENCRYPTION: `{ directory: ${folder} }` }))).toEqual(['k1'])
})

test('a key folder that Kubernetes mounts has the keys of the current version of the volume', () => {
  mkdirSync(join(folder, '..v1'))
  mkdirSync(join(folder, '..v2'))
  for (const name of ['..v1/k1', '..v2/k1', '..v2/k2']) put(name)
  symlinkSync('..v1', join(folder, '..data'))
  symlinkSync('..data/k1', join(folder, 'k1'))
  expect(ids(load())).toEqual(['k1'])

  symlinkSync('..v2', join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  symlinkSync('..data/k2', join(folder, 'k2'))
  expect(ids(load())).toEqual(['k1', 'k2'])
})

test.each<[string, () => void, string]>([
  ['is empty', () => {}, 'folder FOLDER contains no key: one file per key is required'],
  [
    'does not exist',
    () => rmSync(folder, { recursive: true }),
    'folder FOLDER cannot be read (ENOENT): no file or folder has this path; create it, or correct the path',
  ],
  [
    'is a file',
    () => {
      rmSync(folder, { recursive: true })
      put('')
    },
    'FOLDER is not a folder; directory must name a folder with one file per key',
  ],
  ['has a file that is no key', () => put('k1', 'hunter2'), 'FOLDER/k1 must be 32 random bytes in base64url'],
  ['has an empty file', () => put('k1', ''), 'FOLDER/k1 is empty: write its content, or correct the path'],
  [
    'has a folder',
    () => mkdirSync(join(folder, 'k1')),
    'FOLDER/k1 is not a regular file of at most 64KiB: correct the path',
  ],
  ['has a backup file', () => put('k1~'), 'file name of FOLDER/k1~ must be 1 to 64 letters, digits, dots, - or _'],
])('a key folder that %s is a settings error that names the folder or file', (_, make, message) => {
  make()
  expect(problemOf()).toBe(`keys.encryption.directory: ${message.replace('FOLDER', folder)}`)
})

test('a key folder with more than 64 files is a settings error', () => {
  for (let n = 0; n < 65; n++) put(`k${n}`)
  expect(problemOf()).toContain('contains more than 64 files')
})
