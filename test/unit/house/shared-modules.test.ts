import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// The test files of a worker share their modules (vitest.config.ts, `isolate: false`). What a module starts while it
// loads is stopped at the end of the first test file that imports it, and the next file of the worker gets it stopped.

const root = join(import.meta.dirname, '../..')
/** Programs: they are run as processes and export nothing. */
const isModule = (text: string) => /^export /m.test(text)
const startsWhileLoading = /^(?:(?:export )?(?:const|let) [^=\n]+= )?await |^atEnd\(/m

test('no module that test files import starts a node, server or process while it loads', () => {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.(?:test|chaos)\.ts$/.test(name))
    .map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }))
    .filter(({ text }) => isModule(text))
  const starting = files.filter(({ text }) => startsWhileLoading.test(text)).map(({ name }) => name)

  expect(files.length).toBeGreaterThan(80)
  expect(starting).toEqual([])
})
