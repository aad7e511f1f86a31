import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { mutations } from '../../regression/mutations.ts'

// A mutation that does not apply takes no check out, and the whole run of mutants ends before it begins.
test.each(mutations.map(({ file, what, find }) => ({ file, what, find })))('$file: $what', ({ file, find }) => {
  const text = readFileSync(new URL(`../../../gateway/${file}`, import.meta.url), 'utf8')

  expect(text.split(find).length - 1).toBe(1)
})
