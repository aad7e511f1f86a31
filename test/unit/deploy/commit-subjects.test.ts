import { expect, test } from 'vitest'
import { problemsOf } from '../../../deploy/commit-subjects.mjs'

test.each([
  'fix(redis): resubscribe after a half-open connection',
  'feat!: drop the plain callback path',
  'docs: process spills in order',
])('the check of commit subjects accepts "%s"', (subject) => {
  expect(problemsOf(subject)).toEqual([])
})

test.each([
  ['resubscribe after a half-open connection', 'expected "fix(room): verb object"'],
  ['fix(redis): resubscribed after a half-open connection', '"resubscribed" is not imperative'],
  ['fix(redis): resubscribing after a lost connection', '"resubscribing" is not imperative'],
  ['fix(redis): resubscribes after a lost connection', '"resubscribes" is not imperative'],
  [`fix(redis): resubscribe ${'again '.repeat(10)}`.trim(), 'at most 72 are allowed'],
])('the check of commit subjects rejects "%s": %s', (subject, problem) => {
  expect(problemsOf(subject).join('; ')).toContain(problem)
})
