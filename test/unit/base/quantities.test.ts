// A duration or size is one whole number with one unit; any other text is invalid.

import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from '../../../gateway/base/duration.ts'
import { formatSize, parseSize } from '../../../gateway/base/size.ts'

test.each([
  ['500ms', 500],
  ['0s', 0],
  ['30s', 30_000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
  ['30', undefined],
  ['1.5s', undefined],
  ['05s', undefined],
  ['-1s', undefined],
  ['1h30m', undefined],
  ['1 s', undefined],
  ['1S', undefined],
  ['1s\n', undefined],
  ['s', undefined],
  ['9999999999s', undefined],
  ['', undefined],
])('the parser reads the duration %j as %s ms (undefined: invalid)', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each([
  ['512B', 512],
  ['64KiB', 65_536],
  ['1MiB', 1_048_576],
  ['2GiB', 2_147_483_648],
  ['0B', 0],
  ['64KB', undefined],
  ['1MB', undefined],
  ['64kib', undefined],
  ['64', undefined],
  ['1.5MiB', undefined],
  ['', undefined],
])('the parser reads the size %j as %s bytes (undefined: invalid)', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

test.each([
  [0, '0s'],
  [500, '500ms'],
  [90_000, '90s'],
  [7_200_000, '2h'],
])('a duration of %s ms is formatted as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test.each([
  [0, '0B'],
  [1025, '1025B'],
  [65_536, '64KiB'],
])('a size of %s bytes is formatted as %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text)
})
