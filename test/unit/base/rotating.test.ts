import { expect, test } from 'vitest'
import { Rotating } from '../../../gateway/base/rotating.ts'

test('the previous value of a rotated secret is valid until the overlap has passed', () => {
  let nowMs = 0
  const value = new Rotating('one', () => nowMs)
  expect(value.previousWithin(1000)).toBeUndefined()
  value.replace('two')
  nowMs = 999
  expect(value.previousWithin(1000)).toBe('one')
  nowMs = 1000
  expect(value.previousWithin(1000)).toBeUndefined()
})

test('a new value of a rotated secret that a peer refused is sent again after 30 s', () => {
  let nowMs = 0
  const value = new Rotating('one', () => nowMs)
  value.replace('two')
  expect(value.refused('two')).toBe(true)
  nowMs = 29_999
  expect(value.presented).toBe('one')
  nowMs = 30_000
  expect(value.presented).toBe('two')
})

test('after a peer refuses a secret value that was replaced twice, `refused` states that a retry with the newest value is possible', () => {
  const value = new Rotating('one', () => 0)
  value.replace('two')
  value.replace('three')
  expect(value.refused('one')).toBe(true)
  expect(value.presented).toBe('three')
})

test('a secret that a peer refused is still sent if the secret was never replaced', () => {
  const value = new Rotating('one', () => 0)
  expect(value.refused('one')).toBe(false)
  expect(value.presented).toBe('one')
})

test('after a peer has refused both values of a rotated secret, the caller does not retry for 30 s from the refusal of the previous value', () => {
  let nowMs = 0
  const value = new Rotating('one', () => nowMs)
  value.replace('two')
  expect(value.refused('two')).toBe(true)
  expect(value.refused('one')).toBe(true)
  nowMs = 29_999
  expect(value.refused('two')).toBe(false)
  expect(value.presented).toBe('two')
  nowMs = 30_000
  expect(value.refused('two')).toBe(true)
  expect(value.presented).toBe('one')
})

test('refusals of earlier values of a rotated secret do not affect a new value', () => {
  const value = new Rotating('one', () => 0)
  value.replace('two')
  value.refused('two')
  value.refused('one')
  value.replace('three')

  expect(value.refused('three')).toBe(true)
  expect(value.presented).toBe('two')
})

test('a late refusal of the previous value changes nothing: the current value is tried first, and the previous one after a refusal of the current one', () => {
  const value = new Rotating('one', () => 0)
  value.replace('two')
  // A connection that was opened before the replacement breaks late.
  expect(value.refused('one')).toBe(true)
  expect(value.presented).toBe('two')

  expect(value.refused('two')).toBe(true)
  expect(value.presented).toBe('one')
})
