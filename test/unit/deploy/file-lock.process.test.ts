// At most one process holds a file lock. Another process can acquire the lock of a process that has ended.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { takeLock } from '../../../deploy/file-lock.mjs'

const path = () => join(mkdtempSync(join(tmpdir(), 'lock-')), 'a.lock')

test('acquiring a file lock that is held fails and returns the pid of its holder', () => {
  const lock = path()
  expect(takeLock(lock)).toHaveProperty('release')

  expect(takeLock(lock)).toEqual({ heldBy: process.pid })
})

test('a released file lock can be acquired again, and no other file remains in its folder', () => {
  const lock = path()
  const first = takeLock(lock)
  if ('release' in first) first.release()

  expect(existsSync(lock)).toBe(false)
  expect(takeLock(lock)).toHaveProperty('release')
  expect(readdirSync(join(lock, '..'))).toEqual(['a.lock'])
})

test.each([
  { holder: 'a process that has ended', mark: () => `${spawnSync('true').pid}:1` },
  { holder: 'a pid that another process has now', mark: () => `${process.pid}:1` },
  { holder: 'no process', mark: () => '' },
])('a file lock can be acquired although its file exists, if the file names $holder', ({ mark }) => {
  const lock = path()
  writeFileSync(lock, mark())

  expect(takeLock(lock)).toHaveProperty('release')
  expect(Number.parseInt(readFileSync(lock, 'utf8'), 10)).toBe(process.pid)
})

test('releasing a file lock that another process has taken over has no effect', () => {
  const lock = path()
  const first = takeLock(lock)
  writeFileSync(lock, '1:1')
  if ('release' in first) first.release()

  expect(readFileSync(lock, 'utf8')).toBe('1:1')
})
