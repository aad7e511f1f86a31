// Entry point of the demo's process: `main.ts run | check | token | env | add | console`, started by `gatehouse demo`. Exit codes: 0
// success, 1 refused or failed, 2 wrong usage, 3 no demo is running.

import { constants } from 'node:os'
import { parseArgs } from 'node:util'
import { adminEnvironment, commandFolder } from './admin-call.ts'
import { banner } from './banner.ts'
import { runCheck } from './check/run.ts'
import { consoleLink } from './console-link.ts'
import { Demo, DemoRefused } from './demo.ts'
import { DemoNotRunning, GrantRefused, requestTokens } from './grants.ts'
import { installProvider } from './install-provider.ts'
import { provideRedis } from './install-redis.ts'
import { showLive } from './live-view.ts'
import { addedText, addService } from './own-service.ts'
import { loopback, loopbackTls, type Ports, portsAt } from './ports.ts'
import { PolicyNotChanged } from './running-policy.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'port-offset': { type: 'string', default: process.env.GATEHOUSE_DEMO_PORT_OFFSET ?? '0' },
    output: { type: 'string', default: 'text' },
    client: { type: 'string' },
    user: { type: 'string' },
    scope: { type: 'string' },
    resource: { type: 'string' },
    opaque: { type: 'boolean', default: false },
    url: { type: 'string', default: '' },
    name: { type: 'string', default: '' },
  },
})
const json = values.output === 'json'
const write = (line: string) => void process.stdout.write(`${line}\n`)

const ending = new AbortController()

try {
  process.exitCode = await main(portsFrom(values['port-offset']))
} catch (error) {
  process.exitCode = explain(error as Error)
}
// Timers and sockets can still be open and must not keep the process running.
process.exit()

async function main(ports: Ports): Promise<number> {
  if (positionals[0] === 'token') return printToken(ports)
  if (positionals[0] === 'env') return printEnvironment(ports)
  if (positionals[0] === 'add') return addOwnService(ports)
  if (positionals[0] === 'console') return printConsoleLink(ports)
  watchSignals()
  await installProvider((line) => console.error(line))
  await provideRedis((line) => console.error(line))
  const startedMs = performance.now()
  if (!json) console.error('Starting Redis, issuer, services, a worker and two nodes …')
  const demo = await Demo.start(ports, ending.signal)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  try {
    if (positionals[0] === 'check')
      return await untilEnding(demo, runCheck(demo, { json, write, startSeconds: seconds }))
    const { url } = await consoleLink(ports)
    write(json ? JSON.stringify(readyDocument(demo, url)) : banner(demo, seconds, url))
    showLive(demo.state, write, json)
    return await untilEnding(demo, new Promise(() => {}))
  } finally {
    await demo.stop()
  }
}

/**
 * Waits until `work` ends or a stop signal arrives. @returns the result of `work`, or the exit code after the signal
 */
async function untilEnding(demo: Demo, work: Promise<number>): Promise<number> {
  const ended = new Promise<number>((resolve) => {
    // Ctrl-C ends a demo normally (exit code 0), but ends a check before it is complete (exit code 1).
    const code = positionals[0] === 'check' ? 1 : 0
    ending.signal.addEventListener('abort', () => resolve(code), { once: true })
  })
  return Promise.race([work, ended, demo.broken])
}

/**
 * Handles stop signals. Two signals within 1 s count as one, because the terminal and the parent process can both send
 * it. A later signal ends the process without a clean stop.
 */
function watchSignals(): void {
  let firstMs: number | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      firstMs ??= performance.now()
      if (performance.now() - firstMs > 1000) process.exit(128 + constants.signals[signal])
      ending.abort(new Error('ended'))
    })
  }
  // The IPC channel closes when the parent process ends.
  process.on('disconnect', () => ending.abort(new Error('ended')))
  process.channel?.unref()
}

async function printToken(ports: Ports): Promise<number> {
  const { client, user, scope, resource, opaque } = values
  const tokens = await requestTokens(ports, { client, user, scope, resource, opaque })
  const document = { access_token: tokens.accessToken, scope: tokens.scope, expires_in: tokens.expiresInS }
  write(json ? JSON.stringify(document) : tokens.accessToken)
  return 0
}

/**
 * Prints environment variables as `export` commands for `eval`, and in text format also PATH with the command
 * `gatehouse`.
 */
async function printEnvironment(ports: Ports): Promise<number> {
  const environment = await adminEnvironment(ports)
  if (json) write(JSON.stringify(environment))
  else {
    for (const [name, value] of Object.entries(environment)) write(`export ${name}=${quoted(value)}`)
    write(`export PATH=${quoted(commandFolder)}:"$PATH"`)
  }
  return 0
}

async function printConsoleLink(ports: Ports): Promise<number> {
  const link = await consoleLink(ports)
  write(json ? JSON.stringify(link) : link.url)
  return 0
}

/** Quotes a text for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** Puts the user's own service behind the running demo, and prints its address and commands to call it. */
async function addOwnService(ports: Ports): Promise<number> {
  const { url, scope = '', name } = values
  const added = await addService(ports, { url, scope, name })
  write(json ? JSON.stringify(added) : addedText(added, url, ports))
  return 0
}

function readyDocument({ ports, state, redis }: Demo, consoleUrl: string): object {
  return {
    event: 'ready',
    gate: loopback(ports.gate),
    http2: loopbackTls(ports.http2),
    admin: ports.admin.map(loopback),
    console: consoleUrl,
    issuer: loopback(ports.issuer),
    services: {
      orders: loopback(ports.orders),
      reports: loopback(ports.reports),
      files: loopback(ports.files),
      rpc: loopback(ports.rpc),
    },
    redis,
    state: state.folder,
  }
}

function portsFrom(text: string): Ports {
  const ports = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  return portsAt(ports)
}

function explain(error: Error): number {
  if (ending.signal.aborted) return positionals[0] === 'check' ? 1 : 0
  const [code, exitCode, hint] = kindOf(error)
  process.stderr.write(`${json ? errorDocument(code, error.message, hint) : errorText(code, error.message, hint)}\n`)
  return exitCode
}

/** Formats an error as JSON, with the same members as errors of the command line. */
function errorDocument(code: string, message: string, hint: string | undefined): string {
  return JSON.stringify({ code, message, path: '', file: null, line: null, column: null, hint: hint ?? null })
}

function errorText(code: string, message: string, hint: string | undefined): string {
  const [first, ...rest] = message.split('\n')
  return [`error: ${first} (${code})`, ...rest, ...(hint === undefined ? [] : [`  hint: ${hint}`])].join('\n')
}

function kindOf(error: Error): readonly [code: string, exitCode: number, hint: string | undefined] {
  if (error instanceof RangeError) return ['GH_USAGE', 2, undefined]
  if (error instanceof DemoRefused) return ['GH_DEMO_REFUSED', 1, 'other ports: --port-offset N']
  if (error instanceof PolicyNotChanged) return ['GH_DEMO_POLICY', 1, undefined]
  if (error instanceof GrantRefused) return ['GH_DEMO_GRANT_REFUSED', 1, undefined]
  if (error instanceof DemoNotRunning)
    return ['GH_DEMO_NOT_RUNNING', 3, 'start it: gatehouse demo, or npm run demo in a checkout']
  return ['GH_DEMO_FAILED', 1, remedyFor(error)]
}

/** Returns what to do when the demo may not write into its folder. */
function remedyFor({ code }: NodeJS.ErrnoException): string | undefined {
  const isDenied = code === 'EACCES' || code === 'EROFS' || code === 'EPERM'
  const hint = 'let this user write into the folder; in an npm package, set XDG_CACHE_HOME to another folder'
  return isDenied ? hint : undefined
}
