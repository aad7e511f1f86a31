import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { startGate } from '../harness/gate.ts'
import type { Running } from '../harness/process.ts'
import { RedisUse } from './redis-use.ts'

export interface Row {
  readonly nodes: number
  /** Requests, and the length of the window, s. */
  readonly limit: number
  readonly windowS: number
  readonly mode: 'exact' | 'leased'
  /** Offered, in multiples of the limit. */
  readonly load: number
  /** Part of it that one node gets beside its share. */
  readonly lopsided: number
}

export interface RowResult extends Row {
  readonly offered: number
  readonly admitted: number
  /** Of what one perfect sliding log would have admitted, %. */
  readonly admitted_percent: number
  /** Most in any window position for certain, above the limit. */
  readonly over: number
  readonly redis_calls_per_1000: number
  readonly redis_cpu_us_per_1000: number
}

interface Reply {
  readonly sentMs: number
  readonly repliedMs: number
  readonly admitted: boolean
}

const IDLE_S = 2

export interface Around {
  readonly folder: string
  readonly issuer: string
  readonly authorization: string
  readonly upstreamPort: number
  readonly redisUrl: string
  readonly redisPid: number
}

/** Nodes around one Redis, one subject, one limit: what gets in, and what it costs Redis. */
export async function runRow(row: Row, seconds: number, around: Around): Promise<RowResult> {
  const { folder, issuer, upstreamPort, redisUrl } = around
  // A name of its own: what the row before left in its window does not count.
  const name = `row-${Date.now()}`
  const limits = `[{ name: ${name}, by: subject, requests: ${row.limit}, window: ${row.windowS}s, mode: ${row.mode} }]`
  const gates = await Promise.all(
    Array.from({ length: row.nodes }, (_, i) =>
      startGate(join(folder, `${name}-${i}`), issuer, upstreamPort, { limits, redis: redisUrl }),
    ),
  )
  try {
    for (const { port } of gates) {
      const reply = await fetch(`http://127.0.0.1:${port}/orders/1`, {
        headers: { authorization: around.authorization },
      })
      await reply.arrayBuffer()
    }
    // What the cluster asks Redis for by itself does not count; meanwhile the window is empty again.
    const idle = await RedisUse.start(redisUrl, around.redisPid)
    await new Promise((resolve) => setTimeout(resolve, IDLE_S * 1000))
    const base = await idle.end()
    const use = await RedisUse.start(redisUrl, around.redisPid)
    const rate = (row.load * row.limit) / row.windowS
    const parts = gates.map((_, i) => (1 - row.lopsided) / row.nodes + (i === 0 ? row.lopsided : 0))
    const replies = await Promise.all(
      gates.map(({ port }, i) => offer(port, rate * parts[i]!, seconds, around.authorization)),
    )
    const used = await use.end()
    const calls = Math.max(0, used.calls - (base.calls * seconds) / IDLE_S)
    const cpuUs = Math.max(0, used.cpuUs - (base.cpuUs * seconds) / IDLE_S)
    return judged(row, replies.flat(), calls, cpuUs)
  } finally {
    await Promise.all(gates.map((gate: Running) => gate.stop()))
  }
}

/** Requests that arrive at random, whatever becomes of those before. */
async function offer(port: number, perSecond: number, seconds: number, authorization: string): Promise<Reply[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const replies: Promise<Reply | undefined>[] = []
  const startMs = performance.now()
  let dueMs = startMs
  for (;;) {
    const nowMs = performance.now()
    if (nowMs - startMs >= seconds * 1000) break
    while (dueMs <= nowMs) {
      replies.push(ask(port, authorization, agent))
      dueMs -= (Math.log(1 - Math.random()) * 1000) / perSecond
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const all = await Promise.all(replies)
  agent.destroy()
  return all.filter((reply) => reply !== undefined)
}

function ask(port: number, authorization: string, agent: Agent): Promise<Reply | undefined> {
  const sentMs = performance.now()
  return new Promise((resolve) => {
    request({ host: '127.0.0.1', port, path: '/orders/1', headers: { authorization }, agent }, (response) => {
      response.resume()
      response.on('end', () => resolve({ sentMs, repliedMs: performance.now(), admitted: response.statusCode === 200 }))
    })
      .on('error', () => resolve(undefined))
      .end()
  })
}

function judged(row: Row, replies: readonly Reply[], calls: number, cpuUs: number): RowResult {
  const windowMs = row.windowS * 1000
  const sent = replies.map(({ sentMs }) => sentMs).sort((a, b) => a - b)
  const admitted = replies.filter((reply) => reply.admitted).sort((a, b) => a.sentMs - b.sentMs)
  return {
    ...row,
    offered: replies.length,
    admitted: admitted.length,
    admitted_percent: (100 * admitted.length) / perfect(sent, row.limit, windowMs),
    over: Math.max(0, mostForCertain(admitted, windowMs) - row.limit),
    redis_calls_per_1000: (1000 * calls) / replies.length,
    redis_cpu_us_per_1000: (1000 * cpuUs) / replies.length,
  }
}

/** Admitted by one sliding log without any cost. */
function perfect(sent: readonly number[], limit: number, windowMs: number): number {
  const log: number[] = []
  let first = 0
  for (const at of sent) {
    while (first < log.length && at - log[first]! >= windowMs) first++
    if (log.length - first < limit) log.push(at)
  }
  return log.length
}

/** Those that were sent and answered within one interval: the decision fell in between. */
function mostForCertain(admitted: readonly Reply[], windowMs: number): number {
  let most = 0
  for (let i = 0; i < admitted.length; i++) {
    const end = admitted[i]!.sentMs + windowMs
    let count = 0
    for (let j = i; j < admitted.length && admitted[j]!.sentMs < end; j++) if (admitted[j]!.repliedMs < end) count++
    most = Math.max(most, count)
  }
  return most
}
