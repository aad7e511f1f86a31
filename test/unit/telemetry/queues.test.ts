import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { afterEach, expect, test, vi } from 'vitest'
import { Delivery, type TelemetrySignal } from '../../../gateway/telemetry/delivery.ts'
import { instruments } from '../../../gateway/telemetry/instruments.ts'
import { type MetricSink, Metrics } from '../../../gateway/telemetry/metrics.ts'
import { LogQueue } from '../../../gateway/telemetry/otlp/log-queue.ts'
import { MetricPush } from '../../../gateway/telemetry/otlp/metric-push.ts'
import { originOf } from '../../../gateway/telemetry/otlp/origin.ts'
import { SpanQueue } from '../../../gateway/telemetry/otlp/span-queue.ts'
import type { Span } from '../../../gateway/telemetry/span.ts'

// Export queues built on the processors of the OpenTelemetry SDK. Each queue is bounded, counts dropped items, and
// sends one batch at a time.

afterEach(() => vi.useRealTimers())

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Exporter that reports the result of a batch only when the test calls `accept` or `reject`. */
class HeldExporter<Batch> {
  readonly batches: Batch[] = []
  readonly #held: ((result: { code: number; error?: Error }) => void)[] = []

  get held(): number {
    return this.#held.length
  }

  export(batch: Batch, done: (result: { code: number; error?: Error }) => void): void {
    this.batches.push(batch)
    this.#held.push(done)
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}

  async accept(): Promise<void> {
    this.#held.shift()!({ code: 0 })
    await turn()
  }

  async reject(): Promise<void> {
    this.#held.shift()!({ code: 1, error: new Error('the receiver is full') })
    await turn()
  }
}

function counting(signal: TelemetrySignal) {
  const logged: string[] = []
  const delivery = new Delivery(signal, (_, message) => logged.push(message))
  const counts = (): Record<string, number> => {
    const found: Record<string, number> = {}
    const sink: Pick<MetricSink, 'value'> = {
      value: (instrument, value, labels) => {
        if (instrument.name !== instruments.telemetryItems.name) throw new Error(instrument.name)
        found[(labels as { outcome: string }).outcome] = value
      },
    }
    delivery.collect(sink as MetricSink)
    return found
  }
  return { delivery, logged, counts }
}

const origin = originOf({ service: 'gatehouse', version: '1', node: 'n' })

const span = (name: string): Span => ({
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentId: '',
  remoteParent: false,
  name,
  kind: 'server',
  startMs: 1000,
  endMs: 1001,
  error: undefined,
  attributes: {},
  links: [],
})

function spanQueue() {
  const exporter = new HeldExporter<ReadableSpan[]>()
  const { delivery, ...counted } = counting('spans')
  return { ...counted, exporter, queue: new SpanQueue(exporter, delivery, origin) }
}

function logQueue() {
  const exporter = new HeldExporter<ReadableLogRecord[]>()
  const { delivery, ...counted } = counting('logs')
  const queue = new LogQueue(exporter, delivery, origin)
  const add = (message: string) => queue.add({ timeMs: 1000, level: 'info', message, fields: {} })
  return { ...counted, exporter, queue, add }
}

/** For spans and logs: the export queue of the signal, with the same operations. */
const signals = {
  spans() {
    const { queue, exporter, ...counted } = spanQueue()
    const names = () => exporter.batches.map((batch) => batch.map(({ name }) => name))
    return { ...counted, exporter, names, add: (name: string) => queue.add([span(name)]), close: () => queue.close() }
  },
  logs() {
    const { queue, exporter, add, ...counted } = logQueue()
    const names = () => exporter.batches.map((batch) => batch.map(({ body }) => String(body)))
    return { ...counted, exporter, names, add, close: () => queue.close() }
  },
}

test.each(['spans', 'logs'] as const)(
  'while one batch of %s is sent, the export queue keeps at most 8,192 items, and drops and counts further items',
  async (signal) => {
    const { add, names, exporter, counts } = signals[signal]()
    for (let i = 0; i < 10_000; i++) add(String(i))
    await turn()

    expect(names().map((batch) => batch.length)).toEqual([512])
    // The span processor takes its first batch when the 512th span is added. The log processor can take its first batch
    // one turn of the event loop later.
    const { dropped } = counts()
    expect([10_000 - 512 - 8192, 10_000 - 8192]).toContain(dropped)
    await exporter.accept()
    expect(names().map((batch) => batch.length)).toEqual([512, 512])
    expect(counts()).toEqual({ sent: 512, failed: 0, dropped })
  },
)

test.each(['spans', 'logs'] as const)(
  'the export queue counts rejected %s as failed, and logs the start and the end of the failure once',
  async (signal) => {
    const { add, names, exporter, counts, logged } = signals[signal]()
    for (let i = 0; i < 2048; i++) add(String(i))
    await turn()
    await exporter.reject()
    await exporter.reject()
    await exporter.accept()
    await exporter.accept()

    expect(counts()).toEqual({ sent: 1024, failed: 1024, dropped: 0 })
    expect(logged).toEqual(['telemetry export fails; requests are still served', 'telemetry export works again'])
    expect(names().flat()).toEqual(Array.from({ length: 2048 }, (_, i) => String(i)))
  },
)

test.each(['spans', 'logs'] as const)(
  'after a batch of %s fails, the export queue still sends only one batch at a time',
  async (signal) => {
    const { add, exporter } = signals[signal]()
    for (let i = 0; i < 4096; i++) add(String(i))
    await turn()
    await exporter.reject()
    // With the SDK's own handling of a failure, each added item would start one more batch.
    for (let i = 0; i < 10; i++) add('later')
    await turn()

    expect(exporter.held).toBe(1)
  },
)

test.each(['spans', 'logs'] as const)('closing the export queue of %s sends the waiting items', async (signal) => {
  const { add, names, exporter, close } = signals[signal]()
  add('last')
  const closed = close()
  await vi.waitUntil(() => exporter.held === 1)
  await exporter.accept()
  await closed

  expect(names()).toEqual([['last']])
})

function metricPush() {
  vi.useFakeTimers({ toFake: ['setInterval', 'setTimeout', 'clearTimeout', 'clearInterval'] })
  const exporter = new HeldExporter<unknown>()
  const { delivery, ...counted } = counting('metrics')
  return { ...counted, exporter, push: new MetricPush(exporter, delivery, origin, 1000) }
}

const build = { collect: (sink: MetricSink) => sink.value(instruments.started, 1, {}) }

test('the metric exporter sends metrics once per interval, but not while an earlier export is still running', async () => {
  const { push, exporter, counts } = metricPush()
  push.start(new Metrics([build, build]))
  await vi.advanceTimersByTimeAsync(1000)
  expect(exporter.batches).toHaveLength(1)
  // The SDK's timeout of an export is one interval. After that time, the metric reader is ready for the next export.
  await vi.advanceTimersByTimeAsync(5000)
  expect(exporter.batches).toHaveLength(1)

  await exporter.accept()
  await vi.advanceTimersByTimeAsync(2000)
  expect(exporter.batches).toHaveLength(2)
  expect(counts()).toEqual({ sent: 1, failed: 0, dropped: 0 })
})

test('the metric exporter counts a metric source that throws as a failed export, and logs the failure', async () => {
  const { push, exporter, counts, logged } = metricPush()
  const broken = {
    collect: () => {
      throw new Error('broken source')
    },
  }
  push.start(new Metrics([broken]))
  await vi.advanceTimersByTimeAsync(1000)

  expect(exporter.batches).toEqual([])
  expect(counts()).toEqual({ sent: 0, failed: 1, dropped: 0 })
  expect(logged).toEqual(['telemetry export fails; requests are still served'])
})
