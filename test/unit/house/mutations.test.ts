import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { mutations } from '../../regression/mutations.ts'

// A mutation that does not apply removes no check, and `npm run mutants` stops before its first mutant.
test.each(mutations.map(({ file, what, find }) => ({ file, what, find })))(
  'the text that a mutation replaces occurs in $file: $what',
  ({ file, find }) => {
    const text = readFileSync(new URL(`../../../gateway/${file}`, import.meta.url), 'utf8')

    expect(text.split(find).length - 1).toBe(1)
  },
)
