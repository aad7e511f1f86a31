// A Node that is too old for the sources starts the installed Node as a child process.

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { atEnd } from '../../kit/cleanup.ts'
import { NodeFolder } from '../../kit/node-folder.ts'
import { checkout } from '../../kit/programs.ts'
import { until } from '../../kit/until.ts'

/** Makes the entry point take the Node that runs it for Node 20. */
const asOldNode = `data:text/javascript,${encodeURIComponent(
  'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.0.0" } })',
)}`

test('a node under an old Node ends when the process that started it is killed', async () => {
  const folder = new NodeFolder()
  folder.writeSettings({})
  folder.writePolicy({
    version: 1,
    services: {
      one: { upstreams: ['http://127.0.0.1:9'], routes: [{ id: 'one', match: { path: '/**' }, require: 'public' }] },
    },
  })
  const words = [join(checkout, 'gateway/cli/gatehouse.mjs'), 'serve', '--config', folder.file('gatehouse.yaml')]
  const parent = spawn(process.execPath, ['--import', asOldNode, ...words], { env: {}, stdio: ['ignore', 'pipe', 2] })
  let log = ''
  parent.stdout!.on('data', (chunk) => (log += chunk))
  await until('the node runs', () => log.includes('"node started"'))
  const child = Number(readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8'))
  atEnd(() => {
    if (existsSync(`/proc/${child}`)) process.kill(child, 'SIGKILL')
    folder.remove()
  })
  expect(child).toBeGreaterThan(0)

  parent.kill('SIGKILL')
  await until('the node has ended', () => !existsSync(`/proc/${child}`))

  expect(log).toContain('"node stopped"')
})
