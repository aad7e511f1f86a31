// `npm run dev`: one node that is restarted when a source file changes.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { guard } from '../../deploy/guard.ts'
import { atEnd } from '../kit/cleanup.ts'
import { within } from '../kit/deadline.ts'
import { request, requestBytes } from '../kit/raw-client.ts'

const checkout = join(import.meta.dirname, '..', '..')
const offset = 23_400 + (process.pid % 20) * 10
const limitMs = 50_000

test('`npm run dev` restarts the node when a source file changes, and Ctrl-C stops all processes', {
  timeout: 180_000,
}, async () => {
  const env = { ...process.env, GATEHOUSE_DEMO_PORT_OFFSET: String(offset) }
  const child = spawn(process.execPath, [join(checkout, 'deploy/dev/main.ts')], { cwd: checkout, env })
  // The output is complete when the process has ended and its pipes are closed.
  const ended = once(child, 'close')
  child.once('exit', guard(child.pid!))
  atEnd(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  const started = async (times: number): Promise<void> => {
    while (output.split(' node started ').length <= times) await once(child.stdout, 'data')
  }
  const status = async () => (await request(8080 + offset, requestBytes({ target: '/public/page' }))).status

  await within(limitMs, 'the node to listen', started(1)).catch((error) => {
    throw new Error(output, { cause: error })
  })
  expect(await status()).toBe(200)

  // Node.js starts to watch a file some time after the import, so the test touches the file until a change is
  // detected.
  const touch = setInterval(() => {
    const now = new Date()
    if (!output.includes('Change detected')) utimesSync(join(checkout, 'gateway/base/version.ts'), now, now)
  }, 200)
  await within(limitMs, 'the node to listen again', started(2))
  clearInterval(touch)
  expect(await status()).toBe(200)

  child.kill('SIGINT')
  expect(await within(limitMs, 'the end of npm run dev', ended)).toEqual([0, null])
  // A busy machine may notice two touches, and restart the node twice.
  expect(output.split(' node stopped ').length - 1).toBeGreaterThanOrEqual(2)
  expect(output.lastIndexOf(' node stopped ')).toBeGreaterThan(output.lastIndexOf(' node started '))
  await expect(status()).rejects.toThrow()
})
