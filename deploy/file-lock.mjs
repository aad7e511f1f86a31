import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isRunning, processMark } from './process-mark.mjs'

let attempts = 0

/**
 * Takes the lock file `path` for this process, unless a running process holds it.
 *
 * link(2) creates the file with its content in one step, so that no reader sees a partial file. The lock of a process
 * that died without releasing it is replaced.
 *
 * @param {string} path
 * @returns {{ release(): void } | { heldBy: number }} the lock, or the pid of its holder
 */
export function takeLock(path) {
  mkdirSync(dirname(path), { recursive: true })
  const mine = processMark(process.pid)
  const draft = `${path}.${process.pid}.${++attempts}`
  writeFileSync(draft, mine, { mode: 0o600 })
  try {
    for (;;) {
      if (placed(draft, path)) return { release: () => releaseIfMine(path, mine) }
      const holder = read(path)
      if (holder !== undefined && isRunning(holder)) return { heldBy: Number.parseInt(holder, 10) }
      if (holder !== undefined) removeStale(path, `${draft}.stale`)
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

function placed(draft, path) {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

/**
 * Renames the lock file before reading it again, because another process can have replaced the stale lock meanwhile.
 */
function removeStale(path, aside) {
  try {
    renameSync(path, aside)
  } catch (error) {
    if (error.code === 'ENOENT') return
    throw error
  }
  const moved = read(aside)
  if (moved !== undefined && isRunning(moved)) placed(aside, path)
  rmSync(aside, { force: true })
}

function releaseIfMine(path, mine) {
  if (read(path) === mine) rmSync(path, { force: true })
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
