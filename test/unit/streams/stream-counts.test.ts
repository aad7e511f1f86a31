import { expect, test } from 'vitest'
import { type StreamClaim, StreamCounts } from '../../../gateway/streams/stream-counts.ts'

// A stream counts for its node, route, client address and subject. A stream that is refused counts for none of them.

const claim = (parts: Partial<StreamClaim> = {}): StreamClaim => ({
  route: 'r',
  address: 'a',
  subject: 's',
  max: undefined,
  maxPerSubject: undefined,
  ...parts,
})

test.each<
  [
    title: string,
    limits: { max: number; maxPerAddress: number },
    first: StreamClaim,
    second: StreamClaim,
    reason: string | undefined,
  ]
>([
  ['node', { max: 1, maxPerAddress: 9 }, claim(), claim({ route: 'q', address: 'b', subject: 't' }), 'streams-full'],
  ['route', { max: 9, maxPerAddress: 9 }, claim(), claim({ address: 'b', subject: 't', max: 1 }), 'streams-full'],
  ['address', { max: 9, maxPerAddress: 1 }, claim(), claim({ route: 'q', subject: 't' }), 'stream-limited'],
  ['subject', { max: 9, maxPerAddress: 9 }, claim(), claim({ address: 'b', maxPerSubject: 1 }), 'stream-limited'],
  [
    'subject of another route',
    { max: 9, maxPerAddress: 9 },
    claim(),
    claim({ route: 'q', maxPerSubject: 1 }),
    undefined,
  ],
  [
    'anonymous client',
    { max: 9, maxPerAddress: 9 },
    claim(),
    claim({ subject: undefined, maxPerSubject: 1 }),
    undefined,
  ],
])(
  'with a limit of one stream per %s, a second stream before the end of the first one is refused with $4 (undefined: permitted)',
  (_, limits, first, second, reason) => {
    const counts = new StreamCounts(limits)
    expect(counts.take(first)).toBe(undefined)
    for (let i = 0; i < 3; i++) {
      expect(counts.take(second)).toBe(reason)
      if (reason === undefined) counts.giveBack(second)
    }
    counts.giveBack(first)
    expect(counts.take(second)).toBe(undefined)
  },
)
