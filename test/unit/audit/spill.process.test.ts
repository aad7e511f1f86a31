import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Batch } from '../../../gateway/audit/batch.ts'
import { Chain } from '../../../gateway/audit/chain.ts'
import { Spill } from '../../../gateway/audit/spill.ts'

// The spill (files of audit batches that Redis did not accept) returns batches in the order in which they were written,
// also those of earlier processes.

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-spill-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const chain = new Chain('n1', undefined)

/** @param records  number of records, each with 1,000 bytes of random text */
function batch(records = 1): Batch {
  const noise = () => Array.from({ length: 100 }, () => Math.random().toString(36).slice(2, 12)).join('')
  for (let i = 0; i < records; i++) chain.add(`"kind":"exchange","url.path":"${noise()}"}`)
  return chain.seal()
}

async function drain(spill: Spill): Promise<number[]> {
  const firsts: number[] = []
  for (let each = await spill.first(); each !== undefined; each = await spill.first()) {
    firsts.push(each.seal.first)
    spill.shift()
  }
  return firsts
}

const files = () => readdirSync(folder).filter((name) => name.endsWith('.spill'))

test('when several processes used an audit spill folder one after the other, their batches are read back in order, and the files are deleted afterwards', async () => {
  const written: number[] = []
  for (let run = 0; run < 3; run++) {
    const spill = new Spill(folder, 64 * 1024 * 1024)
    // A new spill file begins when the current file has 4 MiB.
    for (const records of run === 1 ? [3000, 3000, 1] : [1, 2]) {
      const each = batch(records)
      written.push(each.seal.first)
      await spill.append([each])
    }
    await spill.close()
  }
  expect(files().length).toBeGreaterThan(3)
  for (const name of files()) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)

  const spill = new Spill(folder, 64 * 1024 * 1024)
  expect(spill.empty).toBe(false)
  expect(await drain(spill)).toEqual(written)
  expect([spill.empty, spill.bytes, files()]).toEqual([true, 0, []])
})

test('the audit spill folder keeps a batch until the batch is removed, and returns later batches after it', async () => {
  const spill = new Spill(folder, 1024 * 1024)
  const [a, b, c] = [batch(), batch(), batch()]
  await spill.append([a, b])
  expect((await spill.first())?.seal).toEqual(a.seal)
  await spill.append([c])
  expect((await spill.first())?.seal).toEqual(a.seal)

  const again = new Spill(folder, 1024 * 1024)
  expect(await drain(again)).toEqual([a, b, c].map(({ seal }) => seal.first))
})

test('a batch that does not fit in the audit spill folder leaves no bytes behind, and the folder has space again after batches were read', async () => {
  const spill = new Spill(folder, 8_000)
  const [small, large, next] = [batch(3), batch(20), batch(3)]
  await spill.append([small])
  const { bytes } = spill
  await expect(spill.append([large])).rejects.toThrow('the spill files have reached')
  expect(spill.bytes).toBe(bytes)

  expect(await drain(spill)).toEqual([small.seal.first])
  await spill.append([next])
  expect(await drain(spill)).toEqual([next.seal.first])
})

test('a line that a crash cut off in the audit spill folder is skipped and counted', async () => {
  const spill = new Spill(folder, 1024 * 1024)
  const [a, b] = [batch(), batch()]
  await spill.append([a])
  await spill.close()
  appendFileSync(join(folder, files()[0]!), '{"seal":{"v":1,"chain":"n1')

  const again = new Spill(folder, 1024 * 1024)
  await again.append([b])
  expect(await drain(again)).toEqual([a.seal.first, b.seal.first])
  expect(again.unreadable).toBe(1)
})

test('batches that a process writes to the audit spill folder when it exits are returned after all earlier batches', async () => {
  const spill = new Spill(folder, 1024 * 1024)
  const [a, b] = [batch(), batch()]
  await spill.append([a])
  spill.appendSync([b])

  expect(await drain(new Spill(folder, 1024 * 1024))).toEqual([a.seal.first, b.seal.first])
})

test('a process cannot use an audit spill folder whose owner process is running, and takes the folder over when the owner has ended', async () => {
  const source = `const { Spill } = await import(${JSON.stringify(new URL('../../../gateway/audit/spill.ts', import.meta.url).href)})
    new Spill(process.argv[1], 1000); console.log('has it'); setInterval(() => {}, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', source, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(owner.stdout, 'data')
  expect(() => new Spill(folder, 1000)).toThrow(`the folder is in use by process ${owner.pid}`)
  const mark = readFileSync(join(folder, 'owner'), 'utf8')

  owner.kill('SIGKILL')
  await once(owner, 'exit')
  expect(() => new Spill(folder, 1000)).not.toThrow()
  // A process with this id is running, but another process wrote the file.
  writeFileSync(join(folder, 'owner'), mark.replace(/^\d+/, String(process.ppid)))
  expect(() => new Spill(folder, 1000)).not.toThrow()
})

test('after a process of another container has taken over the audit spill folder, the former owner neither writes to the folder nor deletes files in it', async () => {
  const spill = new Spill(folder, 1024 * 1024)
  const [a, b] = [batch(), batch()]
  await spill.append([a])
  expect(await spill.first()).toEqual(a)
  spill.shift()
  const before = files()
  // In containers, different processes often have the same id, such as 1.
  writeFileSync(join(folder, 'owner'), `${process.pid} another-boot/1`)

  await expect(spill.append([b])).rejects.toThrow('another process has taken over the spill folder')
  await expect(spill.first()).rejects.toThrow('another process has taken over the spill folder')
  expect(files()).toEqual(before)
})
