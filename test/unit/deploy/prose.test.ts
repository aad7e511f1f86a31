import { expect, test } from 'vitest'
import { hitsIn } from '../../../deploy/prose/count.ts'

test.each([
  ['// What is left of the queue is dropped', 'begin with the noun'],
  ['Whoever has the token is let in', 'name the client'],
  ['Redis is away, and nobody is told', 'is unavailable'],
  ['A token that does not hold is judged anew', '"again"'],
])('the check of the wording (prose check) finds a forbidden idiom in the line "%s"', (line, instead) => {
  expect(hitsIn(line).map((hit) => hit.instead)).toContainEqual(expect.stringContaining(instead))
})

test.each([
  '// Drops the items that are left in the queue',
  'Redis is unavailable. The node answers 503 with Retry-After.',
  '## What a trace contains',
])('the check of the wording (prose check) finds no forbidden idiom in the line "%s"', (line) => {
  expect(hitsIn(line)).toEqual([])
})
