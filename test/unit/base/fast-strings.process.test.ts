import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const modules = new URL('../../../gateway/', import.meta.url)

/**
 * Runs a program that loads all modules of a node and then runs the code `after`. @returns whether V8 has optimized
 * the property lookups of `String.prototype`
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

test('fastenStrings makes V8 look up string methods fast after all modules of a node are loaded', () => {
  expect(isFast('fastenStrings()')).toBe(true)
})

test('without fastenStrings, V8 looks up string methods slowly after all modules of a node are loaded; if this test fails, fastenStrings is no longer needed', () => {
  expect(isFast('')).toBe(false)
})
