import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packedLine } from '../../gateway/audit/batch.ts'
import { Chain } from '../../gateway/audit/chain.ts'
import { recordLine } from '../../gateway/audit/record-line.ts'
import { auditRecords } from '../kit/audit-records.ts'
import { atEnd } from '../kit/cleanup.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { startUpstream } from '../kit/upstream.ts'

// `gatehouse audit verify` verifies the audit log of a running cluster, or log files without a cluster.

const secret = randomBytes(32).toString('base64url')
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-verify-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const keyFile = join(folder, 'a1.key')
writeFileSync(keyFile, `${secret}\n`, { mode: 0o600 })

/** Returns a chain of three audit batches of one record each, as a node writes them to spill files. */
function spilled(close = true): string[] {
  const chain = new Chain('n1', { id: 'a1', secret: Buffer.from(secret, 'base64url') })
  return (['chain.open', 'exchange', close ? 'chain.close' : 'exchange'] as const).map((kind) => {
    chain.add(recordLine(kind, Date.now(), { 'gatehouse.node': 'n1' }))
    return packedLine(chain.seal())
  })
}

const verify = (words: readonly string[], input = '') => runVerb(['audit', 'verify', ...words], {}, input)
const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')

test.each([
  { title: 'a complete file', lines: spilled(), words: ['--key', `a1=${keyFile}`], exitCode: 0, says: 'no findings' },
  { title: 'a complete file without its key', lines: spilled(), words: [], exitCode: 0, says: 'not keyed' },
  { title: 'a file that lacks a batch', lines: spilled().toSpliced(1, 1), words: [], exitCode: 1, says: 'missing: n1' },
  {
    title: 'a file whose chain is not closed',
    lines: spilled(false),
    words: [],
    exitCode: 4,
    says: 'open after 3: its node was killed or still runs',
  },
  {
    title: 'a part of a file with --partial',
    lines: spilled().slice(1),
    words: ['--partial'],
    exitCode: 0,
    says: 'no findings',
  },
  {
    title: 'a file sealed with another key',
    lines: spilled(),
    words: ['--key', `a2=${keyFile}`],
    exitCode: 1,
    says: 'unknown-key: n1',
  },
])('`audit verify` of $title exits with $exitCode', async ({ lines, words, exitCode, says }) => {
  const run = await verify([...words, '-'], text(lines))

  expect([run.exitCode, run.stdout]).toEqual([exitCode, expect.stringContaining(says)])
})

test('`audit verify` with file flags but without a path exits with 2 and calls no node', async () => {
  const words = ['audit', 'verify', '--key', `a1=${keyFile}`]
  const run = await runVerb(words, { GATEHOUSE_ADMIN_TOKEN: secret, GATEHOUSE_ADMIN_URL: 'http://127.0.0.1:1' })

  expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('require a path') })
})

test('`audit verify` of a folder reads all log files in the folder, and names a path that cannot be read', async () => {
  writeFileSync(join(folder, '000000000001.spill'), text(spilled()))
  writeFileSync(join(folder, 'notes.txt'), 'no file of the log')

  expect((await verify(['-o', 'json', folder])).stdout).toContain('"records":3,')
  expect(await verify([join(folder, 'nothing')])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('ENOENT'),
  })
  expect(await verify(['--key', 'a1', folder])).toMatchObject({ exitCode: 2 })
})

test('`audit verify` exits with 1 when there is no audit record to verify', async () => {
  const empty = join(folder, 'empty')
  mkdirSync(empty)
  writeFileSync(join(empty, 'audit.ndjson'), '')

  for (const path of [empty, '-']) {
    const stderr = expect.stringContaining('GH_AUDIT_EMPTY')
    expect(await verify([path])).toMatchObject({ exitCode: 1, stdout: '', stderr })
  }
})

test('`audit verify` at a running node verifies the log in Redis, and reports removed records and foreign entries', async () => {
  const redis = await testRedis()
  const link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  const upstream = await startUpstream()
  const bootstrap = randomBytes(32).toString('base64url')
  const routes = [{ id: 'r', match: { path: '/**' }, require: 'public' }]
  const node = await startNode({
    policy: { version: 1, services: { s: { upstreams: [upstream.url], credentials: 'none', routes } } },
    settings: {
      redis: { url: redis.url },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
      keys: { audit: [{ id: 'a1', secret: { file: keyFile } }] },
    },
    env: { BOOTSTRAP: bootstrap },
  })
  const ask = (output = 'json') =>
    runVerb(['audit', 'verify', '--output', output], {
      GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`,
      GATEHOUSE_ADMIN_TOKEN: bootstrap,
    })
  for (const path of ['/1', '/2', '/3']) {
    await request(node.port, requestBytes({ target: path }))
    await auditRecords(link, (record) => record['url.path'] === path)
  }

  const whole = await ask()
  expect(whole.exitCode).toBe(0)
  expect(JSON.parse(whole.stdout)).toMatchObject({ findings: [], chains: [{ end: 'running', keyed: true }] })
  const printed = await ask('text')
  expect(printed.exitCode).toBe(0)
  expect(printed.stdout).toMatch(/ continues: its node runs; records after \d+ are not verified yet\n/)

  const [[entry]] = (await link.store.call('XRANGE', link.keys.auditLog(0), '-', '+', 'COUNT', 1)) as [[string]]
  await link.store.call('XDEL', link.keys.auditLog(0), entry)
  await link.store.call('XADD', link.keys.auditLog(0), '*', 'seal', '{"v":1,"__proto__":{}}', 'lines', 'x')
  const cut = await ask()
  expect(cut.exitCode).toBe(1)
  const kinds = (JSON.parse(cut.stdout) as { findings: { kind: string }[] }).findings.map(({ kind }) => kind)
  expect(new Set(kinds)).toEqual(new Set(['missing', 'stray']))
})
