// The cache of exchanged tokens: bounded by entries and by bytes, and without unused tokens in memory.

import { expect, test } from 'vitest'
import { ExchangeCache } from '../../../gateway/credentials/exchange-cache.ts'

const life = { sinceMs: 0, untilMs: 1000, bytes: 100 }

function filled(entriesMax: number, bytesMax: number, count: number) {
  const cache = new ExchangeCache<string>({ entriesMax, bytesMax })
  const entries = Array.from({ length: count }, (_, i) => cache.add(`key-${i}`, `token-${i}`, life))
  return { cache, entries, kept: () => entries.filter((_, i) => cache.find(`key-${i}`, 1) !== undefined).length }
}

test('the exchange cache returns a result only between its start and its end, and not after a clock was set back', () => {
  const { cache } = filled(10, 1e6, 1)

  expect(cache.find('key-0', 0)?.result).toBe('token-0')
  expect(cache.find('key-0', 999)?.result).toBe('token-0')
  expect(cache.find('key-0', 1000)).toBeUndefined()
  expect(cache.find('key-0', -1)).toBeUndefined()
  expect(cache.find('other', 0)).toBeUndefined()
})

test('the exchange cache bounds the number of its entries and their bytes', () => {
  expect(filled(10, 1e6, 100).kept()).toBe(10)
  // An entry takes its token and 512 bytes.
  expect(filled(1000, 10 * 612, 100).kept()).toBe(10)
})

test('an entry that is evicted from the exchange cache or replaced no longer refers to its token', () => {
  const { cache, entries } = filled(2, 1e6, 3)
  const replaced = entries[1]!
  cache.add('key-1', 'newer', life)

  expect(entries[0]!.result).toBeUndefined()
  expect(replaced.result).toBeUndefined()
  expect(cache.find('key-1', 1)?.result).toBe('newer')
})

test('the exchange cache keeps recently used entries while it can evict other entries', () => {
  const { cache } = filled(3, 1e6, 3)
  cache.find('key-0', 1)!.used = true

  cache.add('key-3', 'token-3', life)

  expect(cache.find('key-0', 1)?.result).toBe('token-0')
  expect(cache.find('key-1', 1)).toBeUndefined()
})
