import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { grpcCommand, webSocketCommand } from '../../deploy/demo/banner.ts'
import { portsAt } from '../../deploy/demo/ports.ts'
import { guard } from '../../deploy/guard.ts'
import { atEnd } from '../kit/cleanup.ts'
import { ConsoleClient } from '../kit/console-client.ts'
import { within } from '../kit/deadline.ts'
import { LogLines, type LogRecord } from '../kit/log-lines.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../kit/otlp-receiver.ts'
import { testRedis } from '../kit/redis.ts'
import { redisCli } from '../kit/redis-cli.ts'
import { runVerbProcess } from '../kit/run-verb.ts'
import { until } from '../kit/until.ts'

// docs/design/contract.md §13: the demo with an existing Redis that requires a password, and the use of `demo env`.

const checkout = fileURLToPath(new URL('../..', import.meta.url))
/**
 * Port offset that does not collide with a developer's demo or with demo-check.test.ts, and is below the ephemeral
 * ports.
 */
const offset = 21_000 + (process.pid % 40) * 20
const atOffset = ['--port-offset', String(offset)]
const password = 'dem@pass/0f:the-tests'

let ready: LogRecord
let collector: OtlpReceiver
let redis: Awaited<ReturnType<typeof testRedis>>

beforeAll(async () => {
  redis = await testRedis()
  collector = await startOtlpReceiver()
  // A worker without the right to its queues, `{gh-demo-…}`, repeats its rejected commands and uses a whole core.
  const keys = ['~gh-demo-*', '~{gh-demo-*', '&gh-demo-*']
  await redisCli(redis.port, 'ACL', 'SETUSER', 'demo', 'on', `>${password}`, ...keys, '+@all')
  const url = `redis://demo:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`
  const words = [fileURLToPath(new URL('../../gateway/cli/gatehouse.mjs', import.meta.url)), 'demo', ...atOffset]
  const env = { ...process.env, GATEHOUSE_REDIS_URL: url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  const child = spawn(process.execPath, [...words, '--output', 'json'], { cwd: checkout, env })
  const release = guard(child.pid!)
  const ended = once(child, 'close').finally(release)
  const lines = new LogLines(child.stdout!)
  atEnd(async () => {
    child.kill('SIGTERM')
    await within(60_000, 'the end of the demo', ended)
  })
  const complaints = new LogLines(child.stderr!)
  const died = ended.then(() => {
    throw new Error(`the demo ended:\n${complaints.text.join('\n')}`)
  })
  died.catch(() => {})
  ready = await Promise.race([died, lines.find(({ event }) => event === 'ready', 'the demo to be ready', 100_000)])
})

/** Returns the command lines of all processes that this user is allowed to read. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')]
      } catch {
        return []
      }
    })
}

test('with the two environment variables that `demo env` prints, the CLI lists both nodes of the demo and revokes a token at both', async () => {
  const { exitCode, stdout } = await runVerbProcess(['demo', 'env', ...atOffset], {})
  expect(exitCode).toBe(0)
  const [, url, token] =
    /^export GATEHOUSE_ADMIN_URL='([^'\n]+)'\nexport GATEHOUSE_ADMIN_TOKEN='([^'\n]+)'\nexport PATH='[^'\n]+\/bin':"\$PATH"\n$/.exec(
      stdout,
    ) ?? []
  expect(url).toBe(`http://127.0.0.1:${9090 + offset}`)

  const environment = { GATEHOUSE_ADMIN_URL: url!, GATEHOUSE_ADMIN_TOKEN: token! }
  const json = await runVerbProcess(['demo', 'env', ...atOffset, '--output', 'json'], {})
  expect(JSON.parse(json.stdout)).toEqual(environment)

  const { stdout: listed } = await runVerbProcess(['nodes', '--output', 'json'], environment)
  expect(JSON.parse(listed)).toMatchObject({ nodes: [{ id: 'node-1' }, { id: 'node-2' }] })
  const revoked = await runVerbProcess(['revoke', '--jti', 'nobody', '--wait=all', '--output', 'json'], environment)
  expect(revoked.exitCode).toBe(0)
  expect(JSON.parse(revoked.stdout)).toMatchObject({ missing: [] })
})

test('the demo exports the traces of its nodes to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names', async () => {
  await fetch(`http://127.0.0.1:${portsAt(offset).gate}/public/hello`)
  await until('a trace', () => collector.requests.some(({ signal }) => signal === 'traces'))
})

test('a token of the demo client ops authorizes a call of the admin API', async () => {
  const { stdout } = await runVerbProcess(['demo', 'token', ...atOffset, '--client', 'ops'], {})
  const environment = {
    GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${9091 + offset}`,
    GATEHOUSE_ADMIN_TOKEN: stdout.trim(),
  }

  expect(await runVerbProcess(['nodes'], environment)).toMatchObject({ exitCode: 0 })
})

test('the link of the demo logs a browser in to the console once, as the client ops, and `demo console` prints another link', async () => {
  const { admin } = portsAt(offset)
  const { stdout } = await runVerbProcess(['demo', 'console', ...atOffset], {})
  for (const url of [ready['console'] as string, stdout.trim()]) {
    const [origin, link] = url.split('/#link=')
    expect(origin).toBe(`http://127.0.0.1:${admin[0]}`)
    const browser = new ConsoleClient(admin[0])
    const use = () => browser.call({ method: 'POST', target: '/console/session', document: { link } })
    expect((await use()).status).toBe(204)
    const session = (await browser.session()).json() as { expires_at: string }
    expect(session).toMatchObject({ who: 'ops', scopes: expect.arrayContaining(['gatehouse:admin']) })
    expect(Date.parse(session.expires_at)).toBeGreaterThan(Date.now() + 7 * 3_600_000)
    // The other node of the demo has the session too. Its Host is that of a balancer.
    const other = new ConsoleClient(admin[1], `127.0.0.1:${admin[0]}`)
    for (const [name, value] of browser.cookies) other.cookies.set(name, value)
    expect((await other.session()).status).toBe(200)
    expect((await use()).status).toBe(401)
  }
})

test('the WebSocket command that the demo prints sends lines and prints the echo of each line, and ends when the token is revoked', async () => {
  const { stdout: token } = await runVerbProcess(['demo', 'token', ...atOffset], {})
  const { stdout: variables } = await runVerbProcess(['demo', 'env', ...atOffset, '--output', 'json'], {})
  const command = webSocketCommand(portsAt(offset))
  const child = spawn('sh', ['-c', command], { cwd: checkout, env: { ...process.env, TOKEN: token.trim() } })
  const ended = once(child, 'close').finally(guard(child.pid!))
  const [output, errors] = [new LogLines(child.stdout!), new LogLines(child.stderr!)]
  atEnd(() => void child.stdin.end())
  child.stdin.write('tea\n')
  await until('the echo', () => output.text.includes('tea'))

  await runVerbProcess(['revoke', '--token', token.trim(), '--wait=all'], JSON.parse(variables))

  expect(await within(20_000, 'the end of the WebSocket client', ended)).toEqual([0, null])
  expect(errors.text.at(-1)).toBe('closed: 4401 the authorization has ended')
})

test('the gRPC command that the demo prints shows an order per second, and ends when the token is revoked', async () => {
  const { stdout: token } = await runVerbProcess(['demo', 'token', ...atOffset], {})
  const { stdout: variables } = await runVerbProcess(['demo', 'env', ...atOffset, '--output', 'json'], {})
  const command = grpcCommand(portsAt(offset))
  const child = spawn('sh', ['-c', command], { cwd: checkout, env: { ...process.env, TOKEN: token.trim() } })
  const ended = once(child, 'close').finally(guard(child.pid!))
  const [output, errors] = [new LogLines(child.stdout!), new LogLines(child.stderr!)]
  await until('an order', () => output.text.length > 0)

  await runVerbProcess(['revoke', '--token', token.trim(), '--wait=all'], JSON.parse(variables))

  expect(JSON.parse(output.text[0]!)).toEqual({ id: '1', item: 'tea', version: 1, caller: 'reader' })
  expect(await within(20_000, 'the end of the gRPC client', ended)).toEqual([1, null])
  expect(errors.text.at(-1)).toMatch(/^ended: gRPC status 16 /)
})

test('`demo add` adds a service to both nodes of the demo, and a second `demo add` with the same name replaces the service', async () => {
  const service = createServer(({ url }, response) => void response.end(url))
  await once(service.listen(0, '127.0.0.1'), 'listening')
  atEnd(() => void service.close())
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
  const add = async (...words: string[]) => {
    const { stdout } = await runVerbProcess(['demo', 'add', ...words, ...atOffset, '--output', 'json'], {})
    return JSON.parse(stdout) as { at: string; client: string; revision: number }
  }
  await add('http://127.0.0.1:1', '--name', 'tickets')
  const { at, client, revision } = await add(`${url}/v1/`, '--name', 'tickets', '--scope', 'orders:write')
  const { stdout: token } = await runVerbProcess(['demo', 'token', ...atOffset, '--client', client], {})
  const { stdout: variables } = await runVerbProcess(['demo', 'env', ...atOffset, '--output', 'json'], {})
  const { stdout: nodes } = await runVerbProcess(['nodes', '--output', 'json'], JSON.parse(variables))

  const numbers = JSON.parse(nodes).nodes.map((node: { policy_number: number }) => node.policy_number)
  expect(numbers).toEqual([revision, revision])
  expect((await fetch(`${at}7`)).status).toBe(401)
  const admitted = await fetch(`${at}7`, { headers: { Authorization: `Bearer ${token.trim()}` } })
  expect([admitted.status, await admitted.text()]).toEqual([200, '/v1/7'])
})

test.each([
  { words: ['127.0.0.1:3000'], exit: 2, message: 'not an http or https URL' },
  { words: ['http://127.0.0.1:3000', '--name', 'orders'], exit: 2, message: 'orders cannot be the name' },
  { words: ['http://127.0.0.1:3000', '--scope', 'tickets'], exit: 2, message: 'it grants orders:read, ' },
  {
    words: ['http://169.254.1.1:3000', '--name', 'local'],
    exit: 1,
    message: 'services.local.upstreams[0]: must not be a link-local',
  },
  {
    words: ['http://alice:secret@127.0.0.1:1', '--name', 'local'],
    exit: 2,
    message: 'error: the URL of the service has a user or password; expected origin and path (GH_USAGE)',
  },
])('`demo add` with the arguments $words fails, says why, and changes no policy', async ({ words, exit, message }) => {
  const policy = () => readFileSync(`${ready['state']}/policy.yaml`, 'utf8')
  const before = policy()
  const { exitCode, stderr } = await runVerbProcess(['demo', 'add', ...words, ...atOffset], {})

  expect([exitCode, policy()]).toEqual([exit, before])
  expect(stderr).toContain(message)
})

test('`demo add` writes the service to policy.yaml, unless the file has changes that are not active', async () => {
  const path = `${ready['state']}/policy.yaml`
  const add = async (name: string) => {
    const { stdout } = await runVerbProcess(['demo', 'add', 'http://127.0.0.1:1', '--name', name, ...atOffset], {})
    return stdout.includes('The service is not in policy.yaml')
  }
  const notes = [await add('written')]
  expect(readFileSync(path, 'utf8')).toContain('/written/**')
  const changed = `${readFileSync(path, 'utf8')}# a change\n`
  writeFileSync(path, changed)
  notes.push(await add('unwritten'))

  expect(notes).toEqual([false, true])
  expect(readFileSync(path, 'utf8')).toBe(changed)
})

test('the nodes of the demo join the cluster without waiting for members of an earlier cluster', () => {
  const logs = ['node-1', 'node-2'].map((node) => readFileSync(`${ready['state']}/${node}.log`, 'utf8'))

  for (const log of logs) {
    expect(log).toContain('"msg":"joined the cluster"')
    expect(log).not.toContain('starting a new cluster')
  }
})

test('`demo add` exits with 3 when no demo is running', async () => {
  const words = ['demo', 'add', 'http://127.0.0.1:3000', '--port-offset', String(offset + 10)]

  expect(await runVerbProcess(words, {})).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('is not running'),
  })
})

test('all Redis keys of the demo start with `gh-demo-` and the same 12 hexadecimal digits', async () => {
  const keys = (await redisCli(redis.port, 'KEYS', '*')).split('\n')

  expect(keys.length).toBeGreaterThan(1)
  // The keys of queues begin with `{`: the prefix is part of their Redis Cluster slot.
  for (const key of keys) expect(key).toMatch(/^\{?gh-demo-[0-9a-f]{12}:/)
  expect(new Set(keys.map((key) => key.split(':')[0]!.replace('{', ''))).size).toBe(1)
})

test('the demo shows the Redis password neither in the command line of a process nor in the output of its start', () => {
  expect(JSON.stringify(ready)).not.toContain(password)
  const lines = commandLines()
  expect(lines.some((line) => line.includes('node-1.yaml'))).toBe(true)
  for (const line of lines) {
    expect(line).not.toContain(password)
    expect(line).not.toContain(encodeURIComponent(password))
  }
})

test('`demo env` exits with 3 when no demo is running', async () => {
  const { exitCode, stdout, stderr } = await runVerbProcess(['demo', 'env', '--port-offset', String(offset + 10)], {})

  expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' })
  expect(stderr).toContain('the demo is not running')
})
