import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const modules = new URL('../../../gateway/', import.meta.url)

/**
 * Runs a program that loads all modules of a node. @returns whether V8 has optimized the property lookups of
 * `String.prototype`
 */
function isFast(after: string): boolean {
  const program = `
    import { fastenStrings } from '${modules}base/fast-strings.ts'
    import '${modules}node.ts'
    ${after}
    process.stdout.write(String(%HasFastProperties(String.prototype)))`
  const args = ['--allow-natives-syntax', '--input-type=module', '--eval', program]
  return execFileSync(process.execPath, args, { encoding: 'utf8' }) === 'true'
}

test('fastenStrings gives string methods fast property lookups after all modules of a node are loaded', () => {
  expect(isFast('fastenStrings()')).toBe(true)
})

test('without fastenStrings, string methods have slow lookups; if this test fails, fastenStrings is no longer needed', () => {
  expect(isFast('')).toBe(false)
})
