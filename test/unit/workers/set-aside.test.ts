import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { compressAside } from '../../../workers/sinks/set-aside.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { until } from '../../kit/until.ts'

// Two workers may compress the same file that was put aside, and one may be killed at it: the archive is whole all the same.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-aside-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, 'audit.ndjson')
const aside = 'audit-20300131T120000000Z.ndjson'
const parts = () => readdirSync(folder).filter((name) => name.endsWith('.part'))

test('a file that two compress at a time is whole as soon as the first is done, and nothing is left beside it', async () => {
  const content = randomBytes(8 * 1024 * 1024).toString('hex')
  writeFileSync(join(folder, aside), content)
  writeFileSync(join(folder, `${aside}.gz.of-one-that-was-killed.part`), 'x')
  const first = compressAside(path, 'gzip')
  await until('the first has begun', () => parts().length > 1)
  const second = compressAside(path, 'gzip')
  await first
  const whole = gunzipSync(readFileSync(join(folder, `${aside}.gz`))).toString() === content
  await second.catch(() => {})

  expect(whole).toBe(true)
  expect(gunzipSync(readFileSync(join(folder, `${aside}.gz`))).toString() === content).toBe(true)
  expect(readdirSync(folder)).toEqual([`${aside}.gz`])
})
