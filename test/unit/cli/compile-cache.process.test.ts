import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { atEnd } from '../../kit/cleanup.ts'

const program = fileURLToPath(new URL('../../../gateway/cli/gatehouse.mjs', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'gatehouse-code-'))
atEnd(() => rmSync(scratch, { recursive: true, force: true }))

function version(env: NodeJS.ProcessEnv): string {
  const { stdout } = spawnSync(process.execPath, [program, '--version'], { encoding: 'utf8', env })
  return stdout.trim()
}

/** Number of cached files of all Node versions and users in the folder. */
const kept = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).length

test('the first run of the CLI fills the compile cache, and the second run adds no files to the cache', () => {
  const folder = join(scratch, 'kept')
  const env = { ...process.env, NODE_COMPILE_CACHE: folder }
  const said = version(env)
  const first = kept(folder)

  expect(said).toMatch(/^\d+\.\d+\.\d+$/)
  expect(first).toBeGreaterThan(10)
  expect(version(env)).toBe(said)
  expect(kept(folder)).toBe(first)
})

test('the CLI works if it cannot write to the compile cache', () => {
  const file = join(scratch, 'no-folder')
  writeFileSync(file, '')

  expect(version({ ...process.env, NODE_COMPILE_CACHE: file })).toMatch(/^\d/)
})
