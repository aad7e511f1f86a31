import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNodeProcess } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { testPolicy } from '../kit/policy.ts'
import { testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startWorker } from '../kit/worker.ts'

// Supervisors handle failures of background tasks. An unhandled rejection is a fault of unknown extent: the process logs
// it and exits with 70.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-rejection-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const preload = join(folder, 'reject.mjs')
writeFileSync(preload, "process.on('SIGUSR2', () => void Promise.reject(new Error('test rejection')))\n")
const env = { NODE_OPTIONS: `--import=${pathToFileURL(preload)}` }

const [issuer, orders, redis] = await Promise.all([startIssuer(), startUpstream(), testRedis()])

test('an unhandled rejection ends a node with exit code 70', async () => {
  const node = await startNodeProcess({ policy: testPolicy({ issuer: issuer.url, orders: orders.url }), env })
  node.signal('SIGUSR2')
  expect(await node.ended()).toBe(70)
  const { fault } = await node.waitForLine(({ msg }) => msg === 'node ends because of an unexpected fault')
  expect(fault).toContain('test rejection')
})

test('an unhandled rejection ends a worker with exit code 70', async () => {
  const options = opaqueGate({ issuer: issuer.url, orders: orders.url, redisPort: redis.port })
  const worker = await startWorker({ ...options, env: { ...options.env, ...env } })
  worker.signal('SIGUSR2')
  expect(await worker.ended()).toBe(70)
  const { fault } = await worker.waitForLine(({ msg }) => msg === 'worker ends because of an unexpected fault')
  expect(fault).toContain('test rejection')
})

test('the metrics of a node have a failure counter at 0 for each background task', async () => {
  const node = await startNodeProcess({ policy: testPolicy({ issuer: issuer.url, orders: orders.url }) })
  const metrics = await readMetrics(node.adminPort)
  for (const task of ['policy-watch', 'issuer-keys', 'exchange-sweep', 'limit-sweep']) {
    expect(metrics.series).toContain(`gatehouse_background_task_failures_total{task="${task}"}`)
    expect(metrics.sum('gatehouse_background_task_failures_total', { task })).toBe(0)
  }
})
