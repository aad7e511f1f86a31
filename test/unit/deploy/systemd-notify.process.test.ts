// Nodes and workers tell systemd their state, as the units of deploy/systemd expect: sd_notify(3).

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { startNodeProcess } from '../../kit/node.ts'
import { type NotifySocket, openNotifySocket } from '../../kit/notify-socket.ts'
import { testPolicy } from '../../kit/policy.ts'
import { testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'
import { startWorker } from '../../kit/worker.ts'

const units = resolve(import.meta.dirname, '../../../deploy/systemd')
const policy = testPolicy({ issuer: 'https://idp.test', orders: 'http://127.0.0.1:9' })

interface Service {
  signal(signal: NodeJS.Signals): void
  stop(): Promise<number | null>
}

/** Reloads and stops a service that has started, and checks its messages to systemd. */
async function expectStates(service: Service, socket: NotifySocket): Promise<void> {
  await until('the service is ready', () => socket.states.includes('READY=1'))
  const before = process.hrtime.bigint() / 1000n
  service.signal('SIGHUP')
  await until('the service has reloaded', () => socket.states.length >= 3)
  expect(await service.stop()).toBe(0)
  await until('the service says that it stops', () => socket.states.length >= 4)

  expect(socket.states).toEqual([
    'READY=1',
    expect.stringMatching(/^RELOADING=1 MONOTONIC_USEC=\d+$/),
    'READY=1',
    'STOPPING=1',
  ])
  const [, time] = /MONOTONIC_USEC=(\d+)/.exec(socket.states[1]!)!
  expect(BigInt(time!)).toBeGreaterThanOrEqual(before)
}

test.each(['path', 'abstract'] as const)(
  'a node tells systemd at a socket with an address of the kind %s that it is ready, reloads, is ready again and stops, and sends watchdog messages',
  async (kind) => {
    const socket = await openNotifySocket(kind)
    const node = await startNodeProcess({ policy, env: { ...socket.env, WATCHDOG_USEC: '300000' } })

    await until('two watchdog messages', () => socket.messages.filter((one) => one === 'WATCHDOG=1').length >= 2)
    await expectStates(node, socket)
  },
)

test('a worker tells systemd that it is ready, reloads, is ready again and stops, and sends no watchdog messages for another process', async () => {
  const socket = await openNotifySocket('path')
  const { url } = await testRedis()
  const env = { ...socket.env, WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }
  const worker = await startWorker({ policy, settings: { redis: { url } }, env })

  await expectStates(worker, socket)
  expect(socket.messages).not.toContain('WATCHDOG=1')
})

test('a node whose systemd-notify is missing logs the failure and serves', async () => {
  const node = await startNodeProcess({ policy, env: { NOTIFY_SOCKET: '/nowhere', PATH: '/nowhere' } })

  const line = await node.waitForLine(({ msg }) => msg === 'background task failed')
  expect(line).toMatchObject({
    task: 'service-manager',
    fault: expect.stringContaining('systemd-notify cannot be run'),
  })
})

test.each(['gatehouse.service', 'gatehouse-worker@.service'])(
  'the systemd unit %s accepts messages of the process that systemd-notify runs in, and has a watchdog',
  (name) => {
    const unit = readFileSync(join(units, name), 'utf8')

    expect(unit).toMatch(/^Type=notify-reload$/m)
    expect(unit).toMatch(/^NotifyAccess=all$/m)
    expect(unit).toMatch(/^WatchdogSec=\d+s$/m)
  },
)
