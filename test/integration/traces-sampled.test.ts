import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { startOtlpReceiver } from '../kit/otlp-receiver.ts'
import { freePort } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/design/contract.md §12: the gate records the trace of an exchange by the caller's sampled flag, by a ratio, or
// because the exchange failed or was slow. An exchange that is not recorded leaves no gap in the client's trace.

const [receiver, upstream] = await Promise.all([startOtlpReceiver(), startUpstream()])
const policy = publicPolicy({
  s: { upstreams: [upstream.url] },
  wary: { upstreams: [upstream.url], entry: { trust_trace: false } },
  gone: { upstreams: [`http://127.0.0.1:${freePort()}`] },
})
upstream.handler = async ({ url }, response) => {
  if (url.endsWith('slow')) await sleep(4000)
  response.end('ok')
}

const span = '00f067aa0ba902b7'
let begun = 0

interface Sent {
  readonly trace: string
  /** `traceparent` that the service received. */
  readonly traceparent: string | undefined
}

/** @param flags  trace flags in the client's `traceparent`; `undefined` sends no `traceparent` */
async function send(node: TestNode, target: string, flags?: string): Promise<Sent> {
  upstream.requests.length = 0
  const own = (++begun).toString(16).padStart(32, 'a')
  const fields = flags === undefined ? [] : [['traceparent', `00-${own}-${span}-${flags}`] as const]
  await request(node.port, requestBytes({ target, fields }))
  const traceparent = upstream.requests.at(-1)?.all('traceparent')[0]
  return { trace: traceparent?.slice(3, 35) ?? own, traceparent }
}

/**
 * Returns whether the receiver has the trace. Call this after the node has stopped, because a stop sends the queued
 * spans.
 */
function isRecorded({ trace }: Sent): boolean {
  return receiver.spans.some(({ traceId }) => traceId === trace)
}

const start = (traces: Readonly<Record<string, unknown>>) =>
  startNode({ policy, settings: { telemetry: { traces: { endpoint: `${receiver.url}/v1/traces`, ...traces } } } })

test('the gate records a trace of a client if the client set the sampled flag; of the traces that the gate starts itself, it records the share `sample`', async () => {
  const [none, all] = await Promise.all([start({ sample: 0 }), start({ sample: 1 })])
  const sent = [
    await send(none, '/s/1'),
    await send(none, '/s/1', '01'),
    await send(all, '/s/1'),
    await send(all, '/s/1', '00'),
  ]
  const wary = await send(none, '/wary/1', '01')
  await Promise.all([none.stop(), all.stop()])

  expect(sent.map(isRecorded)).toEqual([false, true, true, false])
  expect(sent.map(({ traceparent }) => traceparent!.slice(-3))).toEqual(['-00', '-01', '-01', '-00'])
  // This exchange is not recorded, so the parent at the service is the client's span.
  expect(sent[3]!.traceparent).toBe(`00-${sent[3]!.trace}-${span}-00`)
  // trust_trace: false starts a new trace and ignores the client's flag.
  expect(wary.trace).not.toContain('aaaaaaaa')
  expect(wary.traceparent).toMatch(/-00$/)
  expect(isRecorded(wary)).toBe(false)
})

test('the gate records traces of slow exchanges and of faults even if they were not sampled', async () => {
  const node = await start({ sample: 0, slow: '3s', faults: true })
  const quick = await send(node, '/s/quick')
  const slow = await send(node, '/s/slow')
  const slowOfClient = await send(node, '/s/slow', '00')
  const refused = await send(node, '/nowhere', '00')
  const fault = await send(node, '/gone/1', '00')
  await node.stop()

  expect([quick, slow, slowOfClient, refused, fault].map(isRecorded)).toEqual([false, true, true, false, true])
  const spans = receiver.spans.filter(({ traceId }) => traceId === slow.trace)
  const [server, call] = [2, 3].map((kind) => spans.find((each) => each.kind === kind)!)
  // The span id that the service received is the id of the recorded span.
  expect(slow.traceparent).toBe(`00-${slow.trace}-${call!.spanId}-00`)
  expect(call!.parentSpanId).toBe(server!.spanId)
  const failed = receiver.spans.find(({ traceId, kind }) => traceId === fault.trace && kind === 2)!
  expect(failed).toMatchObject({ parentSpanId: span, status: { code: 2, message: 'upstream-unreachable' } })
})

test('the gate does not record exchanges above max_per_second, and counts them as dropped', async () => {
  const node = await start({ sample: 0, max_per_second: 1 })
  const sent: Sent[] = []
  for (let i = 0; i < 30; i++) sent.push(await send(node, '/s/1', '01'))
  const dropped = (await readMetrics(node.adminPort)).sum('gatehouse_telemetry_items_total', {
    signal: 'traces',
    outcome: 'dropped',
  })
  await node.stop()

  expect(sent.filter(isRecorded).length).toBe(30 - dropped)
  expect(dropped).toBeGreaterThan(0)
  expect(sent.filter(({ traceparent }) => traceparent!.includes(span)).length).toBe(dropped)
})

const closedPolicy = publicPolicy({
  s: { upstreams: [upstream.url] },
  closed: { upstreams: [upstream.url], route: { addresses: { allow: ['203.0.113.9'] } } },
})

const startClosed = (traces: Readonly<Record<string, unknown>>, settings: Readonly<Record<string, unknown>> = {}) =>
  startNode({
    policy: closedPolicy,
    settings: { telemetry: { traces: { endpoint: `${receiver.url}/v1/traces`, ...traces } }, ...settings },
  })

test('the sampled flag of a refused request has an effect only if a peer in `proxies` sent the request', async () => {
  const [stranger, listed, all] = await Promise.all([
    startClosed({ sample: 0 }),
    startClosed({ sample: 0 }, { proxies: ['127.0.0.1'] }),
    startClosed({ sample: 1 }),
  ])
  const sent = [
    await send(stranger, '/closed/1', '01'),
    await send(stranger, '/nowhere', '01'),
    await send(stranger, '/s/1', '01'),
    await send(listed, '/closed/1', '01'),
    await send(listed, '/closed/1', '00'),
    // The ratio (1) selects this exchange. The client is no listed peer, so its flag and trace id have no effect.
    await send(all, '/closed/1', '01'),
  ]
  await Promise.all([stranger.stop(), listed.stop(), all.stop()])

  expect(sent.map(isRecorded)).toEqual([false, false, true, true, false, true])
})

test('refused requests with a sampled flag do not use up max_per_second for admitted requests', async () => {
  const node = await startClosed({ sample: 0, max_per_second: 20 })
  for (let i = 0; i < 100; i++) await send(node, '/closed/1', '01')
  const admitted = await send(node, '/s/1', '01')
  const dropped = (await readMetrics(node.adminPort)).sum('gatehouse_telemetry_items_total', {
    signal: 'traces',
    outcome: 'dropped',
  })
  await node.stop()

  expect(isRecorded(admitted)).toBe(true)
  expect(dropped).toBe(0)
})
