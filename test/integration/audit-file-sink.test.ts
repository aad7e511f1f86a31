import { appendFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { readSealLine } from '../../gateway/audit/batch.ts'
import { matchesSeal } from '../../gateway/audit/seal.ts'
import { AuditWriter } from '../kit/audit-writer.ts'
import { testRedis } from '../kit/redis.ts'
import { startShipping } from '../kit/shipping-worker.ts'
import { until } from '../kit/until.ts'

// A file sink contains every audit record, in order and with valid seals, even if the worker is killed.

const { port } = await testRedis()
const writer = new AuditWriter(port)

/** Returns the text of all files of a file sink: first the rotated files, oldest first, then the current file. */
function textOf(folder: string): string {
  for (;;) {
    try {
      return textNow(folder)
    } catch (error) {
      // The worker compressed a rotated file after it was listed and before it was read: list the files again.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

function textNow(folder: string): string {
  const names = readdirSync(folder).filter((name) => name.startsWith('audit') && !name.endsWith('.part'))
  return names
    .toSorted((a, b) => Number(a === 'audit.ndjson') - Number(b === 'audit.ndjson') || (a < b ? -1 : 1))
    .map((name) => readFileSync(join(folder, name)))
    .map((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
    .join('')
}

function idsIn(text: string): string[] {
  const ids: string[] = []
  let batch = ''
  for (const line of text.split('\n').slice(0, -1)) {
    const seal = readSealLine(line)?.seal
    if (seal === undefined) {
      ids.push(JSON.parse(line).id)
      batch += `${line}\n`
      continue
    }
    expect(matchesSeal(seal, Buffer.from(batch))).toBe(true)
    batch = ''
  }
  expect(batch).toBe('')
  return ids
}

test('after rotation, kill -9 of the worker and a partly written last line, the files of a file sink contain all audit records in order, with valid seals', async () => {
  const sinks = { archive: { type: 'file', path: 'audit/audit.ndjson', max_size: '64KiB', compress: 'gzip' } }
  const first = await startShipping(port, sinks)
  const folder = first.folder.file('audit')
  const file = join(folder, 'audit.ndjson')
  const arrived = () =>
    until('the newest record and its seal', () => {
      const text = existsSync(file) ? textOf(folder) : ''
      return text.includes(`"${writer.ids.at(-1)}"`) && text.split('\n').at(-2)!.startsWith('{"seal":')
    })
  for (let i = 0; i < 10; i++) await writer.write(50)
  await arrived()
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder).length).toBeGreaterThan(1)

  await first.kill()
  // Simulates a power failure: appends a record without the seal of its batch, and a part of a line.
  appendFileSync(file, `{"id":"node-1.0123456789ab-9000","time":"x","kind":"exchange"}\n{"id":"node-1.01234`)
  for (let i = 0; i < 3; i++) await writer.write(50)
  await startShipping(port, { archive: { ...sinks.archive, path: file } })
  await arrived()
  // A worker that is killed after a write to the file, and before the position is stored in Redis, writes the same
  // batches again.
  expect([...new Set(idsIn(textOf(folder)))]).toEqual(writer.ids)
})

test('a file sink does not change an existing file that is not an audit log', async () => {
  const worker = await startShipping(port, { other: { type: 'file', path: 'policy.yaml' } })
  const before = readFileSync(worker.folder.file('policy.yaml'), 'utf8')
  const { reason } = await worker.waitForLine(({ msg }) => msg === 'job failed')

  expect(reason).toContain('left unchanged')
  expect(readFileSync(worker.folder.file('policy.yaml'), 'utf8')).toBe(before)
})
