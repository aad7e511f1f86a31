// The steps of docs/guide/backup.md: Redis starts again with a backup that lacks the latest revocations.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { HeldConnection } from '../kit/held-connection.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { NodeProcess } from '../kit/node-process.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort } from '../kit/ports.ts'
import { testRedis } from '../kit/redis.ts'
import { redisCli } from '../kit/redis-cli.ts'
import { runVerb } from '../kit/run-verb.ts'
import type { NodeOptions, TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

const bootstrap = 'bootstrap-token-of-the-restore-tests-0001'

let issuer: TestIssuer
let policy: object
let folder: string
let port: number
let redis: Awaited<ReturnType<typeof testRedis>>

beforeAll(async () => {
  issuer = await startIssuer()
  policy = testPolicy({ issuer: issuer.url, orders: (await startUpstream()).url })
})

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-backup-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  port = freePort()
  redis = await testRedis({ folder: join(folder, 'redis'), port })
  await redisCli(port, 'SET', 'gh:{rev}:epoch', 'first', 'NX')
})

/** Starts a node whose epoch file outlives it. */
function start(id: string): Promise<TestNode> {
  return startNode(optionsOf(id))
}

function optionsOf(id: string): NodeOptions {
  const settings = {
    node: { id },
    redis: { url: redis.url },
    admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
    revocation: { max_staleness: '5s', epoch_file: join(folder, 'epoch') },
  }
  return { policy, settings, env: { BOOTSTRAP: bootstrap } }
}

async function statusAt(node: TestNode, token: string): Promise<number> {
  const connection = await HeldConnection.open(node.port, '/orders/1')
  try {
    return await connection.status(token)
  } finally {
    connection.close()
  }
}

async function run(node: TestNode, ...words: string[]) {
  const env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
  const { exitCode, stderr } = await runVerb(words, env)
  expect([exitCode, stderr]).toEqual([0, ''])
}

/** Copies the data of Redis, as the page says. @returns the path of the backup */
async function backUp(): Promise<string> {
  await redisCli(port, 'SAVE')
  const backup = join(folder, 'backup.rdb')
  copyFileSync(join(folder, 'redis', 'dump.rdb'), backup)
  return backup
}

/** Replaces Redis by a new one that starts with the backup. */
async function restore(backup: string): Promise<void> {
  await redis.stop()
  copyFileSync(backup, join(folder, 'redis', 'dump.rdb'))
  redis = await testRedis({ folder: join(folder, 'redis'), port })
}

test('after Redis was restored from a backup, running nodes write the revocations back that the backup lacks', async () => {
  const running = await start('running')
  const token = issuer.sign()
  const backup = await backUp()
  await run(running, 'revoke', '--token', token)
  await restore(backup)

  await expect.poll(() => statusAt(running, issuer.sign())).toBe(200)
  expect(await statusAt(running, token)).toBe(401)
  const later = await start('later')
  expect(await statusAt(later, token), 'a node that knows only the data of Redis').toBe(401)
})

test('after Redis was restored from a backup without a running node, a node waits for `accept-loss`, and a revocation by time covers the lost revocations', async () => {
  const before = await start('n1')
  const token = issuer.sign()
  const backup = await backUp()
  await run(before, 'revoke', '--token', token)
  await before.stop()
  await restore(backup)
  await redisCli(port, 'DEL', 'gh:{rev}:epoch')

  const waiting = new NodeProcess(optionsOf('n2'))
  atEnd(() => waiting.remove())
  const ready = waiting.ready()
  const lost = waiting.waitForLine(({ msg }) => String(msg).startsWith('Redis has lost its data'))
  expect(await Promise.race([lost.then(() => 'waits'), ready.then(() => 'ready')])).toBe('waits')
  await run(waiting, 'nodes', 'accept-loss')
  await ready
  expect(await statusAt(waiting, token), 'the backup lacks the revocation').toBe(200)
  await run(waiting, 'revoke', '--issuer', 'main', '--before', new Date().toISOString())
  expect(await statusAt(waiting, token)).toBe(401)
})
