import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { OtlpReceiver } from '../kit/otlp-receiver.ts'
import { freePort } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// If the OTLP receiver is unavailable or does not reply, telemetry is lost. Requests are not affected.

const upstream = await startUpstream()
const receiver = new OtlpReceiver()
receiver.port = freePort()
atEnd(() => receiver.stop().catch(() => {}))
const node = await startNode({
  policy: publicPolicy({ s: { upstreams: [upstream.url] } }),
  settings: {
    log: { access: false },
    telemetry: {
      traces: { endpoint: receiver.url, sample: 1, max_per_second: 1_000_000 },
      metrics: { endpoint: receiver.url, interval: '1s' },
      logs: { endpoint: receiver.url },
    },
  },
  env: { OTEL_EXPORTER_OTLP_TIMEOUT: '3000' },
})

const send = async (count: number): Promise<void> => {
  for (let sent = 0; sent < count; sent += 20) {
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => request(node.port, requestBytes({ target: '/s/1' }))),
    )
    expect(replies.every(({ status }) => status === 200)).toBe(true)
  }
}
const items = async (signal: string, outcome: string): Promise<number> =>
  (await readMetrics(node.adminPort)).sum('gatehouse_telemetry_items_total', { signal, outcome })
const logged = (msg: string, signal: string): number =>
  node.log.filter((line) => line['msg'] === msg && line['signal'] === signal).length

test('the gate serves requests while the OTLP receiver is unavailable, and logs the failure once per signal', async () => {
  await send(200)
  for (const signal of ['spans', 'metrics', 'logs']) {
    await expect.poll(() => items(signal, 'failed')).toBeGreaterThan(0)
  }
  await send(200)
  await expect.poll(() => items('metrics', 'failed')).toBeGreaterThan(2)

  for (const signal of ['spans', 'metrics', 'logs']) {
    expect(logged('telemetry export fails; requests are still served', signal)).toBe(1)
  }
  expect(await items('spans', 'sent')).toBe(0)
})

test('the gate serves requests while the OTLP receiver accepts connections and never replies', async () => {
  receiver.handler = () => {}
  await receiver.start()
  const before = await items('spans', 'failed')
  await send(200)

  await expect.poll(() => items('spans', 'failed')).toBeGreaterThan(before)
})

test('a node delivers telemetry after the OTLP receiver recovers, and logs the recovery once per signal', async () => {
  receiver.handler = undefined
  await expect.poll(() => logged('telemetry export works again', 'spans')).toBe(1)
  await expect.poll(() => logged('telemetry export works again', 'metrics')).toBe(1)
  await send(20)

  await expect.poll(() => items('spans', 'sent')).toBeGreaterThan(0)
  expect(receiver.spans.length).toBeGreaterThan(0)
  expect(receiver.malformed).toEqual([])
})

test('the metrics that a node sends over OTLP have the names, kinds and units of /metrics', async () => {
  const named = (name: string) => receiver.metrics.find((metric) => metric.name === name)
  await receiver.waitFor('metrics', () => named('gatehouse_requests_total'))
  const page = await (await fetch(`http://127.0.0.1:${node.adminPort}/metrics`)).text()
  const shown = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [
    name,
    type === 'counter' ? 'sum' : type,
  ])
  const sent = new Map(receiver.metrics.map(({ name, kind }) => [name, kind]))

  expect([...sent].sort()).toEqual(shown.sort())
  const admitted = named('gatehouse_requests_total')!.points.find(({ attributes }) => attributes['route'] === 's')!
  expect(admitted.attributes).toEqual({ route: 's', decision: 'admitted', reason: 'admitted' })
  expect(named('gatehouse_gate_seconds')).toMatchObject({ kind: 'histogram', unit: 's' })
  expect(named('gatehouse_memory_resident_bytes')).toMatchObject({ kind: 'gauge', unit: 'By' })
  expect(admitted.value).toBeGreaterThan(400)
})
