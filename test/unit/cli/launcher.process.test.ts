import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { atEnd } from '../../kit/cleanup.ts'

const launcher = join(import.meta.dirname, '../../../bin/gatehouse')
const scratch = mkdtempSync(join(tmpdir(), 'gatehouse-launcher-'))
atEnd(() => rmSync(scratch, { recursive: true, force: true }))

/** Writes a program that prints its name and its arguments after the first one. */
function fakeNode(path: string, name: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\nshift\necho "${name}: $*"\n`)
  chmodSync(path, 0o755)
}

/** Installs the launcher in `root`, and calls it through a symbolic link, as npm does. */
function launch(root: string): string {
  const path = `${join(scratch, 'path')}:${process.env['PATH']}`
  fakeNode(join(scratch, 'path/node'), 'node of PATH')
  mkdirSync(join(root, 'bin'), { recursive: true })
  copyFileSync(launcher, join(root, 'bin/gatehouse'))
  const link = join(root, 'link')
  rmSync(link, { force: true })
  symlinkSync('bin/gatehouse', link)
  return spawnSync(link, ['a b', 'c'], { encoding: 'utf8', env: { PATH: path } }).stdout.trim()
}

test('bin/gatehouse runs the Node that is installed beside it, and otherwise the Node of PATH', () => {
  const checkout = join(scratch, 'check out')
  expect(launch(checkout)).toBe('node of PATH: a b c')
  fakeNode(join(checkout, 'node_modules/.bin/node'), 'installed')
  expect(launch(checkout)).toBe('installed: a b c')
})

test('bin/gatehouse of an npm package runs the Node that npm installed for the package', () => {
  const modules = join(scratch, 'project/node_modules')
  fakeNode(join(modules, '.bin/node'), 'of the project')

  expect(launch(join(modules, 'gatehouse'))).toBe('of the project: a b c')
})
