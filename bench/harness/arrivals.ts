import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { KeepAliveConnection } from './connection.ts'
import { cpuTimeUs } from './cpu.ts'
import type { LoadTarget } from './drive.ts'
import type { PacerOrder } from './pacer.ts'
import { requestMix, requestText } from './request-mix.ts'
import { quantile } from './statistics.ts'

export interface ArrivalOptions {
  /** Mean number of requests per second. Each request is sent at a random time, independent of earlier replies. */
  readonly perSecond: number
  readonly seconds: number
  /**
   * Number of keep-alive connections that all requests share. The latency of a request includes its wait for a free
   * connection.
   */
  readonly connections: number
  /** Values of `Authorization`, used in turn. Empty: requests have no `Authorization` field. */
  readonly authorizations: readonly string[]
  /** Path of all requests, which are then GET. Default: the calls of `requestMix`, in turn. */
  readonly path?: string
  /**
   * Called for each reply with its status, the time at which the request was sent, and the time at which the reply was
   * complete (`performance.now()`, ms).
   */
  readonly onReply?: (status: number, sentMs: number, repliedMs: number) => unknown
}

export interface ArrivalResult {
  readonly requests: number
  /** Number of replies by status code. The key `failed` counts requests without a reply. */
  readonly replies: Readonly<Record<string, number>>
  readonly cpuUsPerRequest: number
  /** Latency since the time at which a request was due, so delays of the load generator count too. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number; readonly max: number }
}

/** Longest wait for outstanding replies after the last request was due, ms. */
const PATIENCE_MS = 10_000

/**
 * Sends requests at random times, independent of earlier replies, as many independent clients do. When the target
 * stalls, the latency of every request that is due during the stall includes the stall (no coordinated omission).
 *
 * @throws {Error} when no request gets a reply
 */
export async function sendAtRandomTimes(target: LoadTarget, options: ArrivalOptions): Promise<ArrivalResult> {
  const { perSecond, seconds, authorizations, path, onReply } = options
  const requests = requestMix('authorization', authorizations, path).map(requestText)
  const idle = await Promise.all(
    Array.from({ length: options.connections }, () => KeepAliveConnection.open(target.port)),
  )
  const opened = [...idle]
  const waiting: number[] = []
  const latencies: number[] = []
  const replies: Record<string, number> = {}
  let [next, open, over] = [0, 0, false]
  let whenDone = (): void => undefined

  const settle = (kind: string, connection: KeepAliveConnection | undefined): void => {
    replies[kind] = (replies[kind] ?? 0) + 1
    open -= 1
    if (connection !== undefined) {
      const dueMs = waiting.shift()
      if (dueMs === undefined) idle.push(connection)
      else send(connection, dueMs)
    }
    if (over && open === 0) whenDone()
  }
  const send = (connection: KeepAliveConnection, dueMs: number): void => {
    const request = requests[next++ % requests.length]!
    const sentMs = performance.now()
    connection.ask(request).then(
      ({ status, atMs }) => {
        onReply?.(status, sentMs, atMs)
        latencies.push(Number(process.hrtime.bigint()) / 1e6 - dueMs)
        settle(String(status), connection)
      },
      async () => {
        const another = await KeepAliveConnection.open(target.port).catch(() => undefined)
        if (another !== undefined) opened.push(another)
        settle('failed', another)
      },
    )
  }

  const before = cpuTimeUs(target.pid)
  const order: PacerOrder = { perSecond, seconds }
  const pacer = new Worker(new URL('./pacer.ts', import.meta.url), { workerData: order })
  pacer.on('message', (dueMs: number) => {
    open += 1
    const connection = idle.pop()
    if (connection === undefined) waiting.push(dueMs)
    else send(connection, dueMs)
  })
  await once(pacer, 'exit')
  await new Promise<void>((resolve, reject) => {
    const patience = setTimeout(
      () => reject(new Error(`${open} requests got no reply within ${PATIENCE_MS} ms after the last one was due`)),
      PATIENCE_MS,
    )
    whenDone = () => {
      clearTimeout(patience)
      resolve()
    }
    over = true
    if (open === 0) whenDone()
  })
  const usedUs = cpuTimeUs(target.pid) - before
  for (const connection of opened) connection.close()
  if (latencies.length === 0) throw new Error('no reply at all')
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number): number => quantile(sorted, share)
  return {
    requests: latencies.length,
    replies,
    cpuUsPerRequest: usedUs / latencies.length,
    latencyMs: { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) },
  }
}

/** Whether all requests got a reply with this status code. */
export function onlyStatus({ replies }: ArrivalResult, status: number): boolean {
  return Object.keys(replies).every((kind) => kind === String(status))
}
