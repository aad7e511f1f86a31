// A node and a worker run with exactly the ACL user of docs/guide/redis.md: Redis refuses none of their commands.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { documentedAcl } from '../kit/documented-acl.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, loginNode, loginSecrets } from '../kit/login-gate.ts'
import { startLoginProvider } from '../kit/login-provider.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { testRedis } from '../kit/redis.ts'
import { redisCli } from '../kit/redis-cli.ts'
import { runVerb } from '../kit/run-verb.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startWorker } from '../kit/worker.ts'

test('a node and a worker with the ACL user of docs/guide/redis.md log in a user, limit, revoke, end sessions, write, read and ship audit records, and pass `gatehouse doctor`', async () => {
  const { port: redisPort } = await testRedis()
  await redisCli(redisPort, 'ACL', 'SETUSER', 'gate', 'on', '>change-me', ...documentedAcl())
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const [provider, orders] = [await startLoginProvider({ gate: url, pushedRequests: false }), await startUpstream()]
  const limits = [
    { name: 'exact', by: 'address', requests: 100, window: '10s', mode: 'exact' },
    { name: 'leased', by: 'address', requests: 10_000, window: '10s' },
  ]
  const options = loginNode({
    issuer: provider.url,
    orders: orders.url,
    redisPort,
    port,
    routes: [{ id: 'limited', match: { path: '/limited/**' }, require: 'public', limits }],
    settings: {
      redis: { url: `redis://127.0.0.1:${redisPort}`, username: 'gate', password: { env: 'REDIS_PASSWORD' } },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'TEST_ENCRYPTION_KEY' } },
      audit: { sinks: { archive: { type: 'file', path: 'archive.ndjson' } } },
    },
  })
  const env = { ...options.env, REDIS_PASSWORD: 'change-me' }
  const node = await startNode({ ...options, env })
  const worker = await startWorker({
    ...options,
    env,
    settings: { ...options.settings, node: { id: 'worker' }, admin: undefined },
  })
  const cli = {
    GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`,
    GATEHOUSE_ADMIN_TOKEN: loginSecrets.TEST_ENCRYPTION_KEY,
  }
  const run = async (...words: string[]) => (await runVerb(words, cli)).exitCode

  const config = ['--config', node.folder.file('gatehouse.yaml'), '--output', 'json']
  const { queues } = JSON.parse((await runVerb(['queues', ...config], env)).stdout)
  expect(queues).toContainEqual(expect.objectContaining({ queue: 'ship:archive', workers: 1 }))

  const browser = new HttpBrowser()
  expect((await logIn(browser, `${url}/app/`)).status).toBe(200)
  expect((await fetch(`${url}/limited/1`)).status).toBe(200)
  expect(await run('sessions', 'list', '--subject', 'alice')).toBe(0)
  expect(await run('sessions', 'list')).toBe(0)
  expect(await run('keys', 'list')).toBe(0)
  expect(await run('nodes')).toBe(0)
  expect(await run('audit', 'search', '--subject', 'alice')).toBe(0)
  const { findings } = JSON.parse((await runVerb(['doctor', '--output', 'json'], cli)).stdout)
  expect(findings.find(({ check }: { check: string }) => check === 'redis-commands')).toMatchObject({ result: 'ok' })
  expect([0, 4]).toContain(await run('revoke', '--subject', 'alice', '--reason', 'left', '--wait'))
  expect([0, 4]).toContain(await run('audit', 'verify'))

  await until('the worker has shipped a record', async () => {
    return readFileSync(worker.folder.file('archive.ndjson'), { encoding: 'utf8', flag: 'a+' }).includes('alice')
  })

  expect(await redisCli(redisPort, 'ACL', 'LOG')).toBe('')
})
