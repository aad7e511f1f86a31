import { expect, test } from 'vitest'
import { printGrpcTimeout, readGrpcTimeout } from '../../../gateway/pipeline/exchange/grpc-timeout.ts'

// `grpc-timeout` of gRPC over HTTP/2: 1 to 8 digits and a unit.

test.each([
  ['0n', 0],
  ['1n', 1e-6],
  ['250u', 0.25],
  ['100m', 100],
  ['5S', 5000],
  ['2M', 120_000],
  ['99999999H', 99_999_999 * 3_600_000],
])('the grpc-timeout %s is read as %f ms', (value, ms) => {
  expect(readGrpcTimeout(value)).toBeCloseTo(ms, 9)
})

test.each(['', '5', 'S', '5s', '-5S', '5.0S', ' 5S', '5S ', '123456789S', '5SS', '5S, 5S', '５S', '0x5S'])(
  'the grpc-timeout "%s" is malformed',
  (value) => {
    expect(readGrpcTimeout(value)).toBeUndefined()
  },
)

test.each([
  [0, '0u'],
  [0.4567, '456u'],
  [1500, '1500000u'],
  [200_000, '200000m'],
  [99_999_999 * 1000 + 999, '99999999S'],
  [Number.MAX_SAFE_INTEGER, '99999999H'],
])(
  'a grpc-timeout of %f ms is written as %s: rounded down, in the smallest unit with at most 8 digits',
  (ms, value) => {
    expect(printGrpcTimeout(ms)).toBe(value)
  },
)
