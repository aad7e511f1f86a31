import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { mutations } from '../../regression/mutations.ts'

// A mutation (for `npm run mutants`) replaces a source text to remove a check. The text must occur exactly once, so
// that the mutation removes this check and no other.
test.each(mutations.map(({ file, what, find }) => ({ file, what, find })))(
  'the source text that a mutation replaces occurs exactly once in $file: $what',
  ({ file, find }) => {
    const text = readFileSync(new URL(`../../../gateway/${file}`, import.meta.url), 'utf8')

    expect(text.split(find).length - 1).toBe(1)
  },
)
