// A worker follows the secrets of its audit sinks and of Redis without a restart, and warns before they end.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { AuditWriter } from '../kit/audit-writer.ts'
import { CertificateAuthority } from '../kit/certificate-authority.ts'
import { atEnd } from '../kit/cleanup.ts'
import { type HttpReceiver, httpReceiver } from '../kit/http-receiver.ts'
import { readMetrics } from '../kit/metrics.ts'
import { testPolicy } from '../kit/policy.ts'
import { testRedis } from '../kit/redis.ts'
import { redisCli } from '../kit/redis-cli.ts'
import { until } from '../kit/until.ts'
import { startWorker, type TestWorker } from '../kit/worker.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-worker-secrets-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

function put(name: string, text: string): { readonly file: string } {
  const file = join(folder, name)
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return { file }
}

const dayMs = 24 * 60 * 60 * 1000
const soon = new Date(Math.floor(Date.now() / 1000) * 1000 + 3 * dayMs)

let redisPort: number
let receiver: HttpReceiver
let writer: AuditWriter
let worker: TestWorker
const settings = (token: Readonly<Record<string, string>>) => ({
  // A reload keeps these values, which the test kit would otherwise choose again.
  listen: '127.0.0.1:1',
  keys: {},
  redis: { url: `redis://127.0.0.1:${redisPort}`, username: 'gate', password: { file: join(folder, 'redis') } },
  probes: { listen: '127.0.0.1:0' },
  audit: {
    sinks: {
      siem: {
        type: 'http',
        url: receiver.url,
        auth: { token },
        tls: { cert: join(folder, 'cert'), key: { file: join(folder, 'key') } },
      },
    },
  },
})
const setUser = (...rules: string[]) => redisCli(redisPort, 'ACL', 'SETUSER', 'gate', ...rules)

beforeAll(async () => {
  redisPort = (await testRedis()).port
  await setUser('on', '>one', '~*', '&*', '+@all')
  put('redis', 'one')
  const authority = await CertificateAuthority.create('gates')
  const { cert, key } = await authority.issue({ names: ['gate'], until: soon })
  put('cert', cert)
  put('key', key)
  receiver = await httpReceiver()
  writer = new AuditWriter(redisPort)
  const token = { ...put('token', 'first'), expires: soon.toISOString() }
  const policy = testPolicy({ issuer: 'http://127.0.0.1:9', orders: 'http://127.0.0.1:9' })
  worker = await startWorker({ policy, settings: settings(token) })
})

/** Ships one more record, and returns the field with which it arrived. */
async function ship(): Promise<unknown> {
  const before = receiver.taken.length
  await writer.write(1)
  await until('a shipped record', () => receiver.taken.length > before)
  return receiver.received.at(-1)!.headers['authorization']
}

test('a worker logs a warning before the certificate and the secret of an audit sink expire, and its metrics have the expiry times of both', async () => {
  const warned = (kind: string) => worker.waitForLine((line) => line['kind'] === kind)
  const { probes } = worker.log.find(({ msg }) => msg === 'worker started')!
  const metrics = await readMetrics(Number(probes))
  const ends = { 'client-certificate': 'audit.sinks.siem.tls.cert', secret: 'audit.sinks.siem.auth.token' }

  for (const [kind, name] of Object.entries(ends)) {
    expect(await warned(kind)).toMatchObject({
      level: 'warn',
      msg: 'expires within 7 days',
      name,
      expires_at: soon.toISOString(),
    })
    expect(metrics.series).toContain(`gatehouse_expires_at_seconds{kind="${kind}",name="${name}"}`)
  }
})

test('a worker sends the new secret of an audit sink after the file of the secret changed, and after SIGHUP if the settings name another file', async () => {
  expect(await ship()).toBe('Bearer first')

  put('token', 'second')
  await worker.waitForLine(
    ({ msg, secret }) => msg === 'secret changed; the new value is in use' && secret === 'audit.sinks.siem.auth.token',
  )
  expect(await ship()).toBe('Bearer second')

  worker.folder.writeSettings(settings(put('other', 'third')))
  worker.signal('SIGHUP')
  const line = await worker.waitForLine(({ msg }) => msg === 'settings reloaded')
  expect(line['changed']).toContain('audit.sinks.siem.auth.token.file')
  expect(await ship()).toBe('Bearer third')
  expect(worker.log.filter(({ msg }) => msg === 'some changed settings take effect only after a restart')).toEqual([])
})

test('a worker connects to Redis again with the changed password, and keeps the connections that work', async () => {
  const clients = async () =>
    (await redisCli(redisPort, 'CLIENT', 'LIST')).split('\n').filter((line) => line.includes('user=gate'))
  const idsOf = (lines: readonly string[]) => lines.map((line) => /^id=(\d+)/.exec(line)![1]!)
  const before = idsOf(await clients())
  await setUser('>two')
  put('redis', 'two')
  await worker.waitForLine(
    ({ msg, secret }) => msg === 'secret changed; the new value is in use' && secret === 'redis.password',
  )
  await setUser('<one')
  await ship()
  expect(idsOf(await clients())).toEqual(expect.arrayContaining(before))

  await redisCli(redisPort, 'CLIENT', 'KILL', 'USER', 'gate')
  await until('new connections', async () => {
    const after = idsOf(await clients())
    return after.length >= before.length && after.every((id) => !before.includes(id))
  })
  expect(await ship()).toBe('Bearer third')
})
