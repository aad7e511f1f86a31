import { expect, test } from 'vitest'
import { Delivery } from '../../../gateway/telemetry/delivery.ts'
import { type BatchExporter, ExportQueue } from '../../../gateway/telemetry/export-queue.ts'
import { instruments } from '../../../gateway/telemetry/instruments.ts'
import type { MetricSink } from '../../../gateway/telemetry/metrics.ts'

// Every queue is bounded: what finds no room is dropped and counted, and nobody waits.

/** A receiver that takes a batch when it is told to. */
class HeldReceiver implements BatchExporter<number> {
  readonly batches: (readonly number[])[] = []
  readonly #held: PromiseWithResolvers<void>[] = []

  send(batch: readonly number[]): Promise<void> {
    this.batches.push(batch)
    const held = Promise.withResolvers<void>()
    this.#held.push(held)
    return held.promise
  }

  async close(): Promise<void> {}

  async take(): Promise<void> {
    this.#held.shift()!.resolve()
    await new Promise((resolve) => setImmediate(resolve))
  }

  async refuse(): Promise<void> {
    this.#held.shift()!.reject(new Error('the receiver is full'))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function parts() {
  const told: string[] = []
  const delivery = new Delivery('spans', (_, message) => told.push(message))
  const receiver = new HeldReceiver()
  const counted = (): Record<string, number> => {
    const counts: Record<string, number> = {}
    const sink: Pick<MetricSink, 'value'> = {
      value: (instrument, value, labels) => {
        if (instrument.name !== instruments.telemetryItems.name) throw new Error(instrument.name)
        counts[(labels as { outcome: string }).outcome] = value
      },
    }
    delivery.collect(sink as MetricSink)
    return counts
  }
  return { told, receiver, counted, queue: new ExportQueue(receiver, delivery) }
}

test('while a batch is under way 8192 wait, and no more', async () => {
  const { queue, receiver, counted } = parts()
  for (let i = 0; i < 10_000; i++) queue.add(i)

  expect(receiver.batches.map((batch) => batch.length)).toEqual([512])
  expect(counted()).toEqual({ sent: 0, failed: 0, dropped: 10_000 - 512 - 8192 })
  await receiver.take()
  expect(receiver.batches.map((batch) => batch.length)).toEqual([512, 512])
  expect(counted()['sent']).toBe(512)
})

test('what a receiver refuses is lost, and told when it begins and when it ends', async () => {
  const { queue, receiver, counted, told } = parts()
  for (let i = 0; i < 2048; i++) queue.add(i)
  await receiver.refuse()
  await receiver.refuse()
  await receiver.take()
  await receiver.take()

  expect(counted()).toEqual({ sent: 1024, failed: 1024, dropped: 0 })
  expect(told).toEqual(['telemetry export fails; requests are still served', 'telemetry export works again'])
  expect(receiver.batches.flat()).toEqual(Array.from({ length: 2048 }, (_, i) => i))
})

test('the end sends what waits', async () => {
  const { queue, receiver } = parts()
  queue.add(1)
  const closed = queue.close()
  await new Promise((resolve) => setImmediate(resolve))
  await receiver.take()
  await closed

  expect(receiver.batches).toEqual([[1]])
})
