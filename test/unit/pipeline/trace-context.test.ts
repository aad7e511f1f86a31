import { expect, test } from 'vitest'
import { continuesTrace, joinTrace } from '../../../gateway/pipeline/exchange/trace-context.ts'
import { exchangeOf } from './exchange-under-test.ts'

// W3C Trace Context §3.2.2, S-044.

const trace = '0af7651916cd43dd8448eb211c80319c'
const span = 'b7ad6b7169203331'

test.each([
  [`00-${trace}-${span}-01`, true],
  [`00-${trace}-${span}-00`, true],
  [`cc-${trace}-${span}-01`, true],
  [`cc-${trace}-${span}-01-what-comes-later`, true],
  [`00-${trace}-${span}-01-more`, false],
  [`ff-${trace}-${span}-01`, false],
  [`00-${'0'.repeat(32)}-${span}-01`, false],
  [`00-${trace}-${'0'.repeat(16)}-01`, false],
  [`00-${trace.toUpperCase()}-${span}-01`, false],
  [`00-${trace}-${span}`, false],
  ['', false],
  ['garbage', false],
])('whether the gate continues the trace of a client that sends the traceparent %j: %s', (traceparent, continued) => {
  expect(continuesTrace(traceparent)).toBe(continued)
})

test('the gate creates 2,000 valid, unsampled and unique traces, also after it refills its pool of random bytes', () => {
  const made = Array.from({ length: 2000 }, () => {
    const x = exchangeOf()
    joinTrace(x, true)
    return x.traceparent
  })

  expect(made.every((one) => continuesTrace(one) && one.endsWith('-00'))).toBe(true)
  expect(new Set(made).size).toBe(made.length)
})
