import { expect, test } from 'vitest'
import { readEvents } from '../../../gateway/cluster/event.ts'

// XREAD's reply: a map (RESP3, flat as the driver gives it) or a list of pairs (RESP2); nothing when no event came.

const text = (value: string) => Buffer.from(value, 'latin1')
const entry = (id: string, ...fields: string[]) => [text(id), fields.map(text)]
const entries = [entry('1-0', 'k', 'revoked', 'r', '\x00\xff', 'w', '1'), entry('2-0', 'k', 'beat')]

test.each([
  { protocol: 'RESP3', reply: [text('log'), entries] },
  { protocol: 'RESP2', reply: [[text('log'), entries]] },
])('$protocol is read', ({ reply }) => {
  expect(readEvents(reply)).toEqual([
    { position: '1-0', kind: 'revoked', payload: Buffer.from([0, 255]), awaited: true },
    { position: '2-0', kind: 'beat', payload: Buffer.alloc(0), awaited: false },
  ])
})

test('no event', () => {
  expect(readEvents(null)).toEqual([])
})

test.each([{ reply: 'OK' }, { reply: [] }, { reply: [text('log')] }])('$reply is no reply to it', ({ reply }) => {
  expect(() => readEvents(reply)).toThrow('unexpected reply')
})
