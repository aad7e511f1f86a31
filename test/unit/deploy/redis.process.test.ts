// The demo and the tests use only a Redis of a supported version. A Redis that they start ends with its parent process.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isRunning, processMark } from '../../../deploy/process-mark.mjs'
import { isNewEnough, unpackedRedis } from '../../../deploy/redis.mjs'
import { commandRedis } from '../../../deploy/redis-command.ts'
import { pingRedis } from '../../../deploy/redis-ping.ts'
import { startRedis } from '../../../deploy/redis-server.ts'
import { freePort } from '../../kit/ports.ts'
import { until } from '../../kit/until.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'redis-'))

test.each([
  ['Redis server v=8.0.2 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1', true],
  ['Redis server v=7.2.0 sha=0', true],
  ['Redis server v=7.0.15 sha=0', false],
  ['Redis server v=6.2.99 sha=0', false],
  ['Valkey server v=8.0.0 sha=0', true],
  ['Valkey server v=7.2.9 sha=0', false],
  ['KeyDB server v=9.9.9', false],
  ['', false],
])('the demo and the tests treat a server with the version line %j as a supported Redis: %s', (banner, usable) => {
  expect(isNewEnough(banner)).toBe(usable)
})

test('unpackedRedis skips a redis-server that does not run and finds the valkey-server that does', () => {
  const root = folder()
  mkdirSync(join(root, 'usr', 'lib', 'x-linux-gnu'), { recursive: true })
  mkdirSync(join(root, 'usr', 'bin'))
  const program = (name: string, text: string) => {
    writeFileSync(join(root, 'usr', 'bin', name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(root, 'usr', 'bin', name), 0o755)
  }
  program('redis-server', 'exit 127')
  program('valkey-server', 'echo "Valkey server v=8.1.1 sha=0 in $LD_LIBRARY_PATH"')

  const found = unpackedRedis(root)
  expect(found?.command).toBe(join(root, 'usr', 'bin', 'valkey-server'))
  expect(found?.env.LD_LIBRARY_PATH).toContain(join(root, 'usr', 'lib', 'x-linux-gnu'))
})

test('a Redis that startRedis has started replies, and no longer runs after stop()', async () => {
  const server = await startRedis({ folder: folder() })
  const mark = processMark(server.pid) ?? ''
  await pingRedis(server.url)
  await server.stop()

  expect(isRunning(mark)).toBe(false)
  await expect(pingRedis(server.url)).rejects.toThrow('Redis at')
})

test('a command on a Redis URL that names a database changes only this database', async () => {
  const server = await startRedis({ folder: folder(), port: await freePort() })
  const set = (url: string) => commandRedis(url, ['SET', 'key', 'value', 'NX'])

  expect(await set(`${server.url}/2`)).toBe('+OK')
  expect(await set(server.url)).toBe('+OK')
  expect(await set(`${server.url}/2`)).toBe('$-1')
  await expect(set(`${server.url}/none`)).rejects.toThrow('Redis at 127.0.0.1')
  await server.stop()
})

test('a Redis that startRedis has started ends when its parent process is killed', async () => {
  const program = new URL('../../../deploy/redis-server.ts', import.meta.url)
  const text = `
    const { startRedis } = await import(${JSON.stringify(program.href)})
    const { pid } = await startRedis({ folder: ${JSON.stringify(folder())} })
    console.log(pid)
    setInterval(() => {}, 1000)`
  const starter = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(starter.stdout, 'data')
  const mark = processMark(Number(line)) ?? ''
  expect(isRunning(mark)).toBe(true)
  starter.kill('SIGKILL')

  await until('the server ends', () => !isRunning(mark))
})

test('the error of a Redis server that cannot start contains the last lines of its log', async () => {
  const options = { folder: folder(), arguments: ['--maxmemory', 'much'] }

  await expect(startRedis(options)).rejects.toThrow(/redis ended[\s\S]*maxmemory/i)
})

test('the error of a Redis that does not reply does not contain its password', async () => {
  const ping = pingRedis('redis://user:secret@127.0.0.1:1')

  await expect(ping).rejects.toThrow('Redis at 127.0.0.1:1')
  await expect(ping).rejects.not.toThrow('secret')
})
