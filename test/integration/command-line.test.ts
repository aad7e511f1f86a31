import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { guard } from '../../deploy/guard.ts'
import { atEnd } from '../kit/cleanup.ts'
import { within } from '../kit/deadline.ts'
import { startIssuer } from '../kit/issuer.ts'
import { LogLines, type LogRecord } from '../kit/log-lines.ts'
import { startNode, startNodeProcess } from '../kit/node.ts'
import { NodeFolder } from '../kit/node-folder.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort } from '../kit/ports.ts'
import { programPath } from '../kit/programs.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, identity } from './admission.ts'

// docs/design/contract.md §10, the CLI as a process: exit codes 0 done, 1 refused or invalid, 2 wrong usage, 3
// unreachable; results on stdout, errors on stderr. Tests in test/unit/cli check the output of each verb.

// Starting a process needs CPU time: more concurrent tests than cores are not faster, and each test has less time
// before its time-out.
vi.setConfig({ maxConcurrency: 2 })

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const entry = join(checkout, 'gateway/cli/gatehouse.mjs')
const limitMs = 50_000

const [issuer, upstream] = await Promise.all([startIssuer(), startUpstream()])
const folder = new NodeFolder()
atEnd(() => folder.remove())
const policy = testPolicy({ issuer: issuer.url, orders: upstream.url })
const valid = file('valid.yaml', stringify(policy))
const bare = { credentials: 'none' }
const open = file('open.yaml', stringify(testPolicy({ issuer: issuer.url, orders: upstream.url, ordersEntry: bare })))
const invalid = file('invalid.yaml', stringify(policy).replaceAll('scopes:', 'scope:'))

function file(name: string, content: string): string {
  writeFileSync(folder.file(name), content)
  return folder.file(name)
}

interface RunOptions {
  /** Command to run instead of Node.js with the bundle of the CLI. */
  readonly command?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

function start(
  words: readonly string[],
  { command = [process.execPath, programPath('gatehouse')], env = {} }: RunOptions = {},
): ChildProcess {
  const { PATH, HOME } = process.env
  const child = spawn(command[0]!, [...command.slice(1), ...words], { cwd: checkout, env: { PATH, HOME, ...env } })
  const release = guard(child.pid!)
  child.once('close', release)
  atEnd(() => child.kill('SIGKILL'))
  return child
}

async function run(words: readonly string[], options: RunOptions = {}) {
  const child = start(words, options)
  child.stdin!.end()
  const [stdout, stderr] = await within(
    limitMs,
    `the end of gatehouse ${words.join(' ')}`,
    Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]),
  )
  return { exitCode: child.exitCode, stdout, stderr }
}

const jsonLines = (lines: string) =>
  lines
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line))

/**
 * Returns the path of a program of the machine, outside of the checkout; `undefined` if the machine does not have it.
 */
function pathOf(program: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((path) => !path.includes('node_modules'))
  return folders.map((path) => join(path, program)).find(existsSync)
}

/** Path of the machine's own Node.js, which may be older than the gate requires. */
const machineNode = pathOf('node')
const terminal = pathOf('script')

test.concurrent('the CLI without arguments lists its verbs', async () => {
  const { exitCode, stdout, stderr } = await run([])

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  for (const verb of ['serve', 'health', 'check', 'keys']) expect(stdout).toMatch(new RegExp(`^ {2}${verb} `, 'm'))
})

test.concurrent.each(['serve', 'health'])('the CLI help of %s has two examples and the exit codes', async (verb) => {
  const { exitCode, stdout } = await run([verb, '--help'])

  expect(exitCode).toBe(0)
  expect(stdout.match(/^ {2}\$ .*gatehouse /gm)).toHaveLength(2)
  expect(stdout).toMatch(/\nExit codes:\n {2}0 {2}\S.*\n {2}1 {2}\S.*\n {2}2 {2}\S/)
})

test.concurrent('the CLI prints the version of the package for --version', async () => {
  const { exitCode, stdout } = await run(['--version'])

  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/)
})

test.concurrent.each([
  { words: ['serv'], named: 'serv' },
  { words: ['serve', '--conf', 'x'], named: '--conf' },
  { words: ['check', valid, '--output', 'xml'], named: 'xml' },
  { words: ['health', '--admin', 'nowhere'], named: 'nowhere' },
])('the CLI exits with 2 and names the wrong one of the arguments $words', async ({ words, named }) => {
  const { exitCode, stdout, stderr } = await run(words)

  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  expect(stderr).toMatch(/^error: /)
  expect(stderr).toContain(named)
})

test.concurrent('`gatehouse check` reports the problems of every policy file with their place', async () => {
  const { exitCode, stdout, stderr } = await run(['check', invalid, valid, folder.file('absent.yaml')])

  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/^\S+\/valid\.yaml: ok, 1 service, 3 routes, revision [0-9a-f]{12}\n$/)
  expect(stderr).toMatch(
    /^\S+\/invalid\.yaml:\d+:\d+: services\.orders\.routes\[0\]\.require\.scope: unknown key \(GH_CONFIG_UNKNOWN_KEY\)$/m,
  )
  expect(stderr).toMatch(/^\S+\/absent\.yaml: cannot be read \(ENOENT\) \(GH_CONFIG_UNREADABLE\)$/m)
  expect(stderr).not.toContain('\x1b')
})

test.concurrent('a node accepts a key from `gatehouse keys generate`', async () => {
  const { stdout } = await run(['keys', 'generate', 'assertion'])
  const node = await startNode({
    policy,
    settings: { keys: { assertion: [{ id: 'made', secret: { env: 'MADE' } }] } },
    env: { MADE: stdout },
  })
  const gate = { node, services: [upstream] }
  const { received } = await admitted(gate, { target: '/orders/1', token: issuer.sign() })

  expect(await identity(gate, received)).toMatchObject({ sub: 'alice' })
})

test.concurrent('`gatehouse health` reports whether a node is alive, and with --ready whether the node is ready', async () => {
  const held = await startUpstream({ handler: () => {} })
  const node = await startNodeProcess({ policy: testPolicy({ issuer: issuer.url, orders: held.url }) })
  const admin = `http://127.0.0.1:${node.adminPort}`
  const env = { GATEHOUSE_ADMIN_URL: admin }

  expect(await run(['health', '--admin', admin])).toEqual({ exitCode: 0, stdout: 'alive\n', stderr: '' })
  expect(await run(['health', '--ready'], { env })).toEqual({ exitCode: 0, stdout: 'ready\n', stderr: '' })
  const json = await run(['health', '--ready', '--output', 'json'], { env })
  expect(jsonLines(json.stdout)).toEqual([{ healthy: true, status: 200, answer: 'ready' }])

  // An open request keeps the stopping node from exiting.
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: '/public/page' }))
  await held.next()
  node.signal('SIGTERM')
  await node.waitForLine(({ msg }) => msg === 'node stops and waits for running exchanges')
  expect(await run(['health'], { env })).toMatchObject({ exitCode: 0, stdout: 'alive\n' })
  expect(await run(['health', '--ready'], { env })).toMatchObject({ exitCode: 1, stdout: 'not ready\n' })
})

test.concurrent('`gatehouse health` exits with 3 when no node listens at the address', async () => {
  const admin = `http://127.0.0.1:${freePort()}`
  const { exitCode, stdout, stderr } = await run(['health', '--admin', admin, '--output', 'json'])

  expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' })
  const message = expect.stringContaining(`no reply from ${admin}`)
  expect(jsonLines(stderr)).toMatchObject([{ code: 'GH_ADMIN_UNREACHABLE', message }])
})

const serveOpen = ['serve', '--policy', open, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']

test.concurrent('`gatehouse serve` starts without a settings file: flags override the environment, and other settings have their defaults', async () => {
  const env = { GATEHOUSE_LISTEN: 'not an address', GATEHOUSE_NODE_ID: 'from-env' }
  const log = await expectServes(start(serveOpen, { env }))

  expect(log[0]).toMatchObject({ msg: 'node started', node: 'from-env' })
})

test.concurrent('`gatehouse serve` exits with 1 and reports an invalid setting in one line', async () => {
  const { exitCode, stdout, stderr } = await run(['serve', '--config', folder.file('absent.yaml')])

  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(stderr).toMatch(
    /^\S+absent\.yaml: cannot be read \(ENOENT\) \(GH_CONFIG_UNREADABLE\)\n {2}hint: no file or folder has this path; .*\n$/,
  )
})

test
  .skipIf(machineNode === undefined)
  .concurrent(
    '`gatehouse serve` works if an older Node.js, which is installed on the machine, starts the CLI',
    async () => {
      await expectServes(start(serveOpen, { command: [machineNode!, entry] }))
    },
  )

/** Runs a node in a terminal, types Ctrl-C, and expects a graceful stop with exit code 0. */
async function expectEndsByCtrlC(command: readonly string[]): Promise<void> {
  const words = ['exec', ...command, ...serveOpen].join(' ')
  const child = start(['-qefc', words, '/dev/null'], { command: [terminal!] })
  const log = new LogLines(child.stdout!)
  await log.find(({ msg }) => msg === 'node started', 'the node to listen', limitMs)
  child.stdin!.write('\x03')

  await within(limitMs, 'the end of the node', once(child, 'close'))
  expect(log.records.at(-1)).toMatchObject({ msg: 'node stopped' })
  expect(child.exitCode).toBe(0)
}

test.skipIf(terminal === undefined)('Ctrl-C in a terminal stops a node gracefully', () =>
  expectEndsByCtrlC([process.execPath, entry]),
)

test.skipIf(machineNode === undefined || terminal === undefined)(
  'Ctrl-C stops a node gracefully even if an older Node.js, which is installed on the machine, started the CLI',
  () => expectEndsByCtrlC([machineNode!, entry]),
)

const npx = pathOf('npx')

test.skipIf(npx === undefined).concurrent('`npx gatehouse check` in a checkout checks a policy file', async () => {
  const command = [npx!, '--no-install', 'gatehouse']
  const env = { npm_config_update_notifier: 'false' }
  const good = await run(['check', valid], { command, env })
  const bad = await run(['check', invalid], { command, env })

  expect(good).toMatchObject({ exitCode: 0, stderr: '' })
  expect(good.stdout).toContain('ok, 1 service, 3 routes')
  expect(bad).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('GH_CONFIG_UNKNOWN_KEY') })
})

/** Expects that a node starts, serves a request, and stops gracefully on SIGTERM. */
async function expectServes(child: ChildProcess): Promise<readonly LogRecord[]> {
  const log = new LogLines(child.stdout!)
  const { listen } = await log.find(({ msg }) => msg === 'node started', 'the node to listen', limitMs)
  const port = Number(String(listen).split(':').at(-1))
  expect((await request(port, requestBytes({ target: '/public/page' }))).status).toBe(200)

  child.kill('SIGTERM')
  await within(limitMs, 'the end of the node', once(child, 'close'))
  expect(child.exitCode).toBe(0)
  expect(log.records.at(-1)).toMatchObject({ msg: 'node stopped' })
  return log.records
}
