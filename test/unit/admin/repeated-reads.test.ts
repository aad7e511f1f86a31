import { expect, test } from 'vitest'
import { RepeatedReads } from '../../../gateway/admin/repeated-reads.ts'

test('an admin API read that repeats an audited read within a minute is only counted, and the next audit record has the number', () => {
  const clock = { ms: 0 }
  const reads = new RepeatedReads(() => clock.ms)
  expect([reads.count('a'), reads.count('a'), reads.count('b'), reads.count('a')]).toEqual([0, undefined, 0, undefined])
  clock.ms = 59_999
  expect(reads.count('a')).toBeUndefined()
  clock.ms = 60_000
  expect([reads.count('a'), reads.count('a'), reads.count('b')]).toEqual([3, undefined, 0])
})

test('above the maximum number of different admin API reads, the read that was audited first is audited again', () => {
  const reads = new RepeatedReads(() => 0)
  for (let i = 0; i <= 1024; i++) expect(reads.count(`read ${i}`)).toBe(0)
  expect([reads.count('read 1'), reads.count('read 0')]).toEqual([undefined, 0])
})
