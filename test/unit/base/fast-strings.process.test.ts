import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const modules = new URL('../../../gateway/', import.meta.url)

/** Of a process that has loaded all that a node loads: whether `String.prototype` is what optimized code looks into. */
function isFast(after: string): boolean {
  const program = `
    import { fastenStrings } from '${modules}base/fast-strings.ts'
    import '${modules}node.ts'
    ${after}
    process.stdout.write(String(%HasFastProperties(String.prototype)))`
  const args = ['--allow-natives-syntax', '--input-type=module', '--eval', program]
  return execFileSync(process.execPath, args, { encoding: 'utf8' }) === 'true'
}

test('string methods have fast property lookups after all modules of a node are loaded', () => {
  expect(isFast('fastenStrings()')).toBe(true)
})

test('string methods have slow lookups without fastenStrings; if this fails, fastenStrings is no longer needed', () => {
  expect(isFast('')).toBe(false)
})
