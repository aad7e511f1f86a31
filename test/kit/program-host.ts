// A process that runs nodes, each by `gatehouse serve`, and verbs, one after the other. `host-process.ts` starts it and
// sends orders to it as messages. A start in a process that has loaded the product takes a tenth of the CPU time of a new process.

import './checked-phases.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../../gateway/cli/cli.ts'
import { GatewayNode } from '../../gateway/node.ts'
import { redisDeadlineMs } from '../../gateway/redis/redis-link.ts'
import { flushCompiled } from './flush-compiled.ts'
import type { EndOrder, HostAnswer, HostOrder, NodeOrder, VerbOrder } from './host-order.ts'
import { runHostedVerb } from './hosted-verb.ts'
import { ProcessState } from './process-state.ts'

/** Longest time in which the operating system and Node end the sockets and timers of a closed node, ms. */
const CLEAN_MS = 1500

/** Resident memory beyond which a host ends, bytes. Each node leaves compiled code and a larger heap. */
const MEMORY_MAX_BYTES = 400 * 1024 * 1024

let node: GatewayNode | undefined
let before: ProcessState | undefined

// `gatehouse serve` keeps the node to itself.
const start = GatewayNode.start.bind(GatewayNode)
Object.assign(GatewayNode, {
  start: async (...options: Parameters<typeof start>) => {
    node = await start(...options)
    return node
  },
})

void flushCompiled()
process.on('disconnect', () => process.exit(0))
process.on('message', (order: HostOrder) => void carryOut(order))

function carryOut(order: HostOrder): Promise<void> {
  if (order.kind === 'node') return runNode(order)
  return order.kind === 'verb' ? runVerbOnce(order) : endNode(order)
}

async function runNode({ settingsFile, cwd, env, redisDeadlineMs: store }: NodeOrder): Promise<void> {
  before = ProcessState.now()
  before.enter(cwd, env)
  Object.assign(redisDeadlineMs, { store })
  await run([process.execPath, 'gatehouse', 'serve', '--config', settingsFile])
}

async function endNode({ kind, endMark }: EndOrder): Promise<void> {
  await node![kind]()
  node = undefined
  const left = await restored(before!)
  for (const stream of [process.stdout, process.stderr]) stream.write(`${endMark}\n`)
  answer({ left, isFree: isFree(left) })
}

async function runVerbOnce(order: VerbOrder): Promise<void> {
  const state = ProcessState.now()
  state.enter(order.cwd, order.env)
  const run = await runHostedVerb(order)
  const left = await restored(state)
  answer({ run, left, isFree: isFree(left) })
}

function isFree(left: readonly string[]): boolean {
  return left.length === 0 && process.memoryUsage.rss() <= MEMORY_MAX_BYTES
}

async function restored(state: ProcessState): Promise<readonly string[]> {
  state.restore()
  for (const deadline = performance.now() + CLEAN_MS; ; ) {
    const left = state.leftBehind()
    if (left.length === 0 || performance.now() > deadline) return left
    await sleep(5)
  }
}

function answer(value: HostAnswer): void {
  process.send?.(value)
}
