import { expect, test } from 'vitest'
import { readRetryAfter } from '../../../gateway/issuers/retry-after.ts'

const date = 'Tue, 01 Dec 2026 12:00:00 GMT'
const laterThanDate = 'Tue, 01 Dec 2026 12:00:30 GMT'
const nowMs = Date.parse('2026-12-01T12:00:20Z')

test.each([
  ['seconds', '120', date, 120],
  ['0 seconds', '0', date, 0],
  ['more seconds than a year has', '99999999', date, 99_999_999],
  ['a date, against the Date of the reply', laterThanDate, date, 30],
  ['a date, against the clock of the gate if the reply has no Date', laterThanDate, '', 10],
  ['a date that has passed', date, laterThanDate, 0],
  ['an empty value', '', date, undefined],
  ['a fraction', '1.5', date, undefined],
  ['a negative number', '-1', date, undefined],
  ['a date that does not exist', 'Tue, 01 Foo 2026 12:00:30 GMT', date, undefined],
  ['text', 'soon', date, undefined],
])('the gate parses the value of Retry-After in a reply of an issuer: %s', (_, value, replyDate, seconds) => {
  expect(readRetryAfter(value, replyDate, nowMs)).toBe(seconds)
})
