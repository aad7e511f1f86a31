import { expect, test } from 'vitest'
import { type ServerEvent, serverEvents } from '../../../gateway/console/api/server-events.ts'
import { sparkPath } from '../../../gateway/console/parts/spark-path.ts'
import { windowOfRows } from '../../../gateway/console/parts/window-of-rows.ts'
import { RecordBuffer } from '../../../gateway/console/text/record-buffer.ts'

test('the console joins server-sent events that arrive in pieces, and ignores comments and an incomplete last event', async () => {
  const bytes = new TextEncoder().encode(
    ':\n\nid: 1\ndata: {"who":"Zoë"}\n\nevent: skipped\ndata: 12\n\nid: 3\ndata: cut',
  )
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]))
      controller.close()
    },
  })

  const events: ServerEvent[] = []
  for await (const event of serverEvents(body)) events.push(event)
  expect(events).toEqual([
    { id: '1', event: 'message', data: '{"who":"Zoë"}' },
    { id: '', event: 'skipped', data: '12' },
  ])
})

test('the number of rows that the console draws of a list does not depend on the length of the list', () => {
  const view = { scrollTop: 1_500_000, height: 600, rowHeight: 30 }
  const { first, end } = windowOfRows(100_000, view)
  expect([first, end]).toEqual([49_988, 50_032])
  expect(windowOfRows(3, { ...view, scrollTop: 0 })).toEqual({ first: 0, end: 3 })
  expect(windowOfRows(40, view)).toEqual({ first: 8, end: 40 })
})

test('a full record buffer of the console drops its oldest records, and ignores a record that it already has', () => {
  const buffer = new RecordBuffer<{ readonly id: string }>()
  for (let i = 0; i < 100_001; i++) buffer.add({ id: String(i) })
  buffer.add({ id: '100000' })

  expect([buffer.size, buffer.added]).toEqual([90_001, 100_001])
  expect(buffer.newest(0).id).toBe('100000')
  expect(buffer.newest(buffer.size - 1).id).toBe('10000')
})

test('a sparkline of the console reaches the top at its largest value and the bottom at 0', () => {
  expect(sparkPath([0, 4, 2])).toBe('M0.0 23.0L50.0 1.0L100.0 12.0')
  expect(sparkPath([5])).toBe('')
})
