// `npm run dev`: runs one node without Redis, with the demo's issuer and services. The node restarts when a source file
// changes. Ctrl-C stops everything. GATEHOUSE_DEMO_PORT_OFFSET is added to all ports, as in the demo.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, endReport, startChild } from '../child.ts'
import { takenPorts } from '../demo/port-holder.ts'
import { loopback, movePorts, type Ports, portsAt } from '../demo/ports.ts'
import { checkout, newAssertionKey } from '../demo/state.ts'
import { guard } from '../guard.ts'

const ports = portsAt(Number(process.env.GATEHOUSE_DEMO_PORT_OFFSET ?? 0))
const folder = join(checkout, '.gatehouse', `dev-${ports.offset}`)

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`error: ${(error as Error).message}`)
  process.exitCode = 1
}
process.exit()

/**
 * Runs the node until it ends or a stop signal arrives. @returns the exit code: 0 after Ctrl-C or SIGTERM, 1 when a
 * process ended by itself
 */
async function main(): Promise<number> {
  await refuseTakenPorts()
  const settings = writeSettings()
  const children: Child[] = []
  try {
    children.push(await startPart('issuer', 'issuer.ts'), await startPart('services', 'services.ts'))
    console.error(help(ports))
    const node = startNode(settings)
    const outcome = await Promise.race([
      nextSignal(),
      exited(node).then(() => new Error('the node ended')),
      ...children.map(async (child) => new Error(endReport(child, `ended (${await child.ended})`))),
    ])
    // A terminal sends SIGINT of Ctrl-C to the whole process group, so the node has already received it.
    if (outcome !== 'SIGINT' || !process.stdin.isTTY) node.kill('SIGTERM')
    await exited(node)
    if (outcome instanceof Error) throw outcome
    return 0
  } finally {
    for (const child of children) await child.stop()
  }
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal))
  })
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

function startPart(name: string, entry: string): Promise<Child> {
  return startChild({
    name,
    command: process.execPath,
    arguments: [join(checkout, 'deploy', 'demo', entry), `${ports.offset}`],
    log: join(folder, `${name}.log`),
  })
}

/** Starts the node with `node --watch`, which restarts it when one of its imported files changes. */
function startNode(settings: string): ChildProcess {
  const entry = join(checkout, 'gateway', 'cli', 'gatehouse.mjs')
  const words = ['--watch', '--watch-preserve-output', entry, 'serve', '--config', settings]
  const node = spawn(process.execPath, words, { stdio: 'inherit' })
  if (node.pid !== undefined) node.once('exit', guard(node.pid))
  return node
}

/**
 * Writes the settings and a key into `.gatehouse/dev-<offset>/`. With offset 0, the node reads the policy file in the
 * checkout, so edits of the policy apply immediately.
 */
function writeSettings(): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const template = join(import.meta.dirname, 'policy.yaml')
  const moved = () => write('policy.yaml', movePorts(readFileSync(template, 'utf8'), ports))
  write('assertion.jwk', `${JSON.stringify(newAssertionKey())}\n`)
  return write(
    'gatehouse.yaml',
    `# Settings of \`npm run dev\`, written at each start.
node: { id: dev }
listen: 127.0.0.1:${ports.gate}
public_url: ${loopback(ports.gate)}
admin:
  listen: 127.0.0.1:${ports.admin[0]}
  issuer: { issuer: ${loopback(ports.issuer)}, audience: [${loopback(ports.gate)}] }
policy: { path: ${JSON.stringify(ports.offset === 0 ? template : moved())} }
keys: { assertion: [{ id: dev, secret: { file: assertion.jwk } }] }
drain_timeout: 1s
log: { format: pretty, access: true }
`,
  )
}

async function refuseTakenPorts(): Promise<void> {
  const taken = await takenPorts(ports, ['redis', 'gate with HTTP/2', 'probes of the worker', 'admin of node-2'])
  if (taken.length === 0) return
  const list = taken.map(({ name, port, holder = 'another program' }) => `  ${port} (${name}): ${holder}`)
  throw new Error(`ports are in use; set GATEHOUSE_DEMO_PORT_OFFSET to use others\n${list.join('\n')}`)
}

function help({ gate, admin, offset }: Ports): string {
  const token = `$(bin/gatehouse demo token${offset === 0 ? '' : ` --port-offset ${offset}`})`
  return `
One node on ${loopback(gate)} (admin ${loopback(admin[0])}), restarted when a source file changes. Ctrl-C stops it.

  curl -i ${loopback(gate)}/public/hello
  curl -i -H "Authorization: Bearer ${token}" ${loopback(gate)}/orders/1
`
}
