import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { beforeEach, expect, test } from 'vitest'
import { compressAside } from '../../../gateway/config/sinks/set-aside.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { until } from '../../kit/until.ts'

// Two workers can compress the same rotated audit file, and one of them can be killed meanwhile. The archive is
// complete in every case.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-aside-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, 'audit.ndjson')
const aside = 'audit-20300131T120000000Z.ndjson'
const parts = () => readdirSync(folder).filter((name) => name.endsWith('.part'))

const content = randomBytes(4 * 1024 * 1024).toString('hex')
const archive = () => gunzipSync(readFileSync(join(folder, `${aside}.gz`))).toString()

beforeEach(() => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
  writeFileSync(join(folder, aside), content)
})

test('when two workers compress one audit file concurrently, the archive is complete after the first has finished, and no other file remains', async () => {
  writeFileSync(join(folder, `${aside}.gz.of-one-that-was-killed.part`), 'x')
  const first = compressAside(path, 'gzip')
  await until('the first has begun', () => parts().length > 1)
  const second = compressAside(path, 'gzip')
  await Promise.race([first, second])
  const whole = archive() === content
  await Promise.all([first, second])

  expect(whole).toBe(true)
  expect(archive() === content).toBe(true)
  expect(readdirSync(folder)).toEqual([`${aside}.gz`])
})

test('a worker that compresses an audit file more slowly than another worker uses the archive of the other worker', async () => {
  const slow = compressAside(path, 'gzip')
  await until('the compression has begun', () => parts().length === 1)
  // A faster worker writes the archive at its end, and removes the file and all partial files.
  writeFileSync(join(folder, `${aside}.gz`), gzipSync(content))
  rmSync(join(folder, aside))
  for (const part of parts()) rmSync(join(folder, part))
  await slow

  expect(archive() === content).toBe(true)
  expect(readdirSync(folder)).toEqual([`${aside}.gz`])
})

test('compression of a rotated audit file fails with an error and keeps the file if the partial archive is deleted meanwhile', async () => {
  const broken = compressAside(path, 'gzip')
  await until('the compression has begun', () => parts().length === 1)
  for (const part of parts()) rmSync(join(folder, part))

  await expect(broken).rejects.toThrow(/ENOENT/)
  expect(readdirSync(folder)).toEqual([aside])
})
