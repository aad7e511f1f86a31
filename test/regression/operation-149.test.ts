import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { startNodeProcess } from '../kit/node.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { testPolicy } from '../kit/policy.ts'
import { until } from '../kit/until.ts'

// S-149: a signal to a node in the container or in a systemd unit does not open the debugger.

const checkout = resolve(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(resolve(checkout, path), 'utf8')
const policy = testPolicy({ issuer: 'https://idp.test', orders: 'http://127.0.0.1:9' })

const debuggerListens = (node: NodeProcess) => node.stderr.includes('Debugger listening')
const afterSigusr1 = async (options: string): Promise<NodeProcess> => {
  const node = await startNodeProcess({ policy, env: { NODE_OPTIONS: options } })
  node.signal('SIGUSR1')
  return node
}
test('S-149 with the Node option of the Dockerfile and the systemd units, SIGUSR1 does not open the Node inspector', async () => {
  const option = /^ENV .*NODE_OPTIONS=(\S+)$/m.exec(read('Dockerfile'))![1]!

  const open = await afterSigusr1('')
  await until('the debugger listens', () => debuggerListens(open))
  const closed = await afterSigusr1(option)
  // If the debugger were open, the node would have logged the address of the debugger by now.
  expect((await fetch(`http://127.0.0.1:${closed.adminPort}/livez`)).status).toBe(200)
  await closed.stop()
  expect(debuggerListens(closed)).toBe(false)
  for (const unit of ['gatehouse.service', 'gatehouse-worker@.service'])
    expect(read(`deploy/systemd/${unit}`)).toMatch(new RegExp(`^ExecStart=\\S+/node ${option} `, 'm'))
})

test('S-149 the container image runs as user 1000, not as root', () => {
  const stages = read('Dockerfile').split(/^FROM /m)
  const shipped = stages.find((stage) => stage.includes('AS gatehouse\n'))!

  expect(/^USER (\d+):(\d+)$/m.exec(shipped)?.slice(1)).toEqual(['1000', '1000'])
  // The last stage is the default target of `docker build`.
  expect(stages.at(-1)).toBe('gatehouse\n')
})
