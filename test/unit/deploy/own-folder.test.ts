// Where the npm package keeps its caches and the demo: never in the working directory, which others may write.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const checkout = join(import.meta.dirname, '../../..')
const noHome = { HOME: undefined, XDG_CACHE_HOME: undefined }

/**
 * Returns a folder with the module that names the folders of Gatehouse, as in an unpacked npm package or a checkout.
 *
 * @param below  folder in which the package is, such as `node_modules`
 */
function unpacked(files: readonly string[], below = ''): string {
  const root = join(mkdtempSync(join(tmpdir(), 'own-folder-')), below, 'gatehouse')
  mkdirSync(root, { recursive: true })
  for (const file of files) writeFileSync(join(root, file), '{}')
  cpSync(join(checkout, 'gateway/cli/own-folder.mjs'), join(root, 'gateway/cli/own-folder.mjs'))
  return root
}

/** Imports the module in another process. @returns the folder that it names */
function ownFolder(root: string, env: Readonly<Record<string, string | undefined>>, uid?: number): string {
  const source = `import { ownFolder } from '${join(root, 'gateway/cli/own-folder.mjs')}'; console.log(ownFolder)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    ...(uid === undefined ? {} : { uid }),
  })
  expect(stderr).toBe('')
  return stdout.trim()
}

test('an unpacked npm package keeps its files below XDG_CACHE_HOME or the home, a checkout in its own folder', () => {
  const root = unpacked(['npm-shrinkwrap.json'])
  const repository = unpacked(['package-lock.json'])

  expect(ownFolder(root, { ...noHome, XDG_CACHE_HOME: '/var/cache' })).toBe('/var/cache/gatehouse')
  expect(ownFolder(root, { ...noHome, HOME: '/home/a' })).toBe('/home/a/.cache/gatehouse')
  expect(ownFolder(repository, { ...noHome, XDG_CACHE_HOME: '/var/cache' })).toBe(join(repository, '.gatehouse'))
})

test('an npm package ignores a relative XDG_CACHE_HOME and an empty HOME, so that it runs no code from the working directory', () => {
  const root = unpacked(['npm-shrinkwrap.json'])

  expect(ownFolder(root, { XDG_CACHE_HOME: 'caches', HOME: '/home/a' })).toBe('/home/a/.cache/gatehouse')
  expect(ownFolder(root, { XDG_CACHE_HOME: '', HOME: '' })).toBe(join(root, '.gatehouse'))
})

test.runIf(process.getuid?.() === 0)('an npm package runs as a user id without a name and a home', () => {
  const root = unpacked([], 'node_modules')
  spawnSync('chmod', ['-R', 'a+rX', join(root, '../..')])

  expect(ownFolder(root, noHome, 54_321)).toBe(join(root, '.gatehouse'))
})
