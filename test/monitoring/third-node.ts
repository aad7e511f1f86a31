import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request, type Server } from 'node:http'
import { join } from 'node:path'
import { loopback } from '../../deploy/demo/ports.ts'
import { checkout, ports, state, untilItAnswers } from './live-demo.ts'

const ownPort = 19_795
export const thirdAdminPort = 19_796
export const secondWorkerPort = 19_797
const receiverPort = 19_798

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

/** A receiver of audit records. The path of a request is the name of the sink; `replies` has the status for each. */
export const replies: Record<'late' | 'strict', number> = { late: 200, strict: 200 }

let receiver: Server
const children: ChildProcess[] = []

/**
 * Starts a third node with small limits, and a second worker with two more audit sinks. The node listens on a port of its
 * own, and the script reads its log.
 */
export async function startThirdNode(): Promise<void> {
  receiver = createServer((message, reply) => {
    message.resume().on('end', () => reply.writeHead(replies[message.url?.slice(1) as keyof typeof replies]).end())
  }).listen(receiverPort, '127.0.0.1')
  const sink = (name: string) => `${name}: { type: http, url: ${loopback(receiverPort)}/${name}, timeout: 2s }`
  const sinks = `${sink('late')}, ${sink('strict')}, archive:`
  const common: readonly (readonly [string | RegExp, string])[] = [['archive:', sinks]]
  write('node-3.yaml', 'node-1.yaml', [
    ...common,
    ['{ id: node-1 }', '{ id: node-3 }'],
    [`listen: 127.0.0.1:${ports.gate}\n`, `listen: 127.0.0.1:${ownPort}\n`],
    [/^listen_h2:.*\n/m, ''],
    [/^tls:.*\n/m, ''],
    [`listen: 127.0.0.1:${ports.admin[0]}`, `listen: 127.0.0.1:${thirdAdminPort}`],
    ['policy-copy-node-1', 'policy-copy-node-3'],
    ['{ path: spill-node-1, max: 64MiB }', '{ path: spill-node-3, max: 1MiB }\n  memory: 1MiB'],
    ['revocation:', 'overload: { mode: observe, in_flight: 4 }\nrevocation:'],
  ])
  write('worker-2.yaml', 'worker.yaml', [
    ...common,
    ['{ id: worker }', '{ id: worker-2 }'],
    [`${ports.worker}`, `${secondWorkerPort}`],
    ['policy-copy-worker', 'policy-copy-worker-2'],
  ])
  for (const [verb, name] of [['serve', 'node-3'] as const, ['worker', 'worker-2'] as const]) {
    const words = [join(checkout, 'gateway/cli/gatehouse.mjs'), verb, '--config', join(state, `${name}.yaml`)]
    const child = spawn(process.execPath, words, { cwd: state, stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.resume()
    children.push(child)
  }
  for (const port of [thirdAdminPort, secondWorkerPort]) await untilItAnswers(`${loopback(port)}/readyz`)
}

function write(name: string, from: string, changes: readonly (readonly [string | RegExp, string])[]): void {
  let text = readFileSync(join(state, from), 'utf8')
  for (const [old, other] of changes) {
    if (typeof old === 'string' ? !text.includes(old) : !old.test(text)) throw new Error(`${from} has no ${old}`)
    text = text.replace(old, other)
  }
  writeFileSync(join(state, name), text, { mode: 0o600 })
}

/** Stops to read the log of the third node, or reads on. */
export function readLog(reads: boolean): void {
  if (reads) children[0]!.stdout!.resume()
  else children[0]!.stdout!.pause()
}

/** Sends a request to the third node. Resolves with its end, whatever the result. */
export function askThirdNode(path: string, token?: string): Promise<void> {
  const headers = { host: `127.0.0.1:${ports.gate}`, ...(token && { authorization: `Bearer ${token}` }) }
  return new Promise((resolve) => {
    const options = { port: ownPort, host: '127.0.0.1', path, headers, agent, timeout: 20_000 }
    const sent = request(options, (reply) => void reply.resume().on('close', resolve))
    sent.on('error', () => resolve()).on('timeout', () => sent.destroy())
    sent.end()
  })
}

/** Sum of a metric of the third node. */
export async function thirdNodeMetric(name: string): Promise<number> {
  const text = await (await fetch(`${loopback(thirdAdminPort)}/metrics`)).text()
  const values = text.split('\n').filter((line) => line.startsWith(name))
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

export async function stopThirdNode(): Promise<void> {
  for (const child of children) child.kill('SIGTERM')
  await Promise.all(children.map((child) => new Promise((done) => child.once('exit', done))))
  receiver?.closeAllConnections()
  receiver?.close()
  agent.destroy()
}
