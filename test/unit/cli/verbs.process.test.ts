// Each command of the CLI (verb) is one file, and one line of the list in gateway/cli/verbs.ts.

import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { commandOf } from '../../../gateway/cli/command.ts'
import { defineVerb, flag } from '../../../gateway/cli/verb.ts'
import { verbs } from '../../../gateway/cli/verbs.ts'
import { runEach } from './run-gatehouse.ts'

const names = Object.keys(verbs)
const files = readdirSync(new URL('../../../gateway/cli/verbs', import.meta.url))
const helps = runEach(names.map((name) => [...name.split(' '), '--help']))

test('every file in gateway/cli/verbs/ is imported by one line of gateway/cli/verbs.ts, and is named like its command', () => {
  expect(files.toSorted()).toEqual(names.map((name) => `${name.replaceAll(' ', '-')}.ts`).toSorted())
})

test.each(names)('the help of `gatehouse %s` has two examples and the exit codes', (name) => {
  const { status, stdout } = helps[names.indexOf(name)]!

  expect(status).toBe(0)
  expect(stdout).toMatch(new RegExp(`^Usage: gatehouse ${name}\\b`))
  expect(stdout.match(/^ {2}\$ .*gatehouse /gm)).toHaveLength(2)
  expect(stdout).toMatch(/Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 /)
})

const given: unknown[] = []
const every = defineVerb({
  description: 'every kind of field',
  arguments: {
    kind: z.enum(['a', 'b']).register(flag, { help: 'required' }),
    path: z.array(z.string()).default([]).register(flag, { help: 'all remaining words' }),
  },
  flags: {
    quick: z.boolean().default(false).register(flag, { help: 'no value', short: 'q' }),
    maxCount: z
      .string()
      .regex(/^\d+$/, 'It must be a number.')
      .transform(Number)
      .default(7)
      .register(flag, { help: '' }),
    header: z.array(z.string()).default([]).register(flag, { help: 'repeated' }),
    place: z.string().optional().register(flag, { help: 'from the environment', env: 'GATEHOUSE_TEST_PLACE' }),
  },
  examples: [
    { run: '', does: '' },
    { run: '', does: '' },
  ],
  run: (input) => {
    given.push(input)
    return undefined
  },
})

test.each<[words: string[], input: object]>([
  [['a'], {}],
  [['b', 'x', 'y'], { kind: 'b', path: ['x', 'y'] }],
  [['a', '-q', '--max-count', '12'], { quick: true, maxCount: 12 }],
  [['a', '--header', 'one', '--header=two'], { header: ['one', 'two'] }],
  [['a', '--place', 'here', '-o', 'json'], { place: 'here', output: 'json' }],
])(
  'the CLI parses the arguments %j into values of the types that the schemas of its flags declare',
  async (words, input) => {
    await commandOf('every', every).parseAsync(words, { from: 'user' })

    const initial = { kind: 'a', path: [], quick: false, maxCount: 7, header: [], output: 'text' }
    expect(given.pop()).toEqual({ ...initial, ...input })
  },
)

test.each([
  [['c'], /Allowed choices are a, b/],
  [[], /missing required argument 'kind'/],
  [['a', '--max-count', 'many'], /'--max-count <maxCount>' argument 'many' is invalid. It must be a number/],
  [['a', '--maxCount', '1'], /unknown option/],
])('the CLI rejects the arguments %j as wrong usage', (words, message) => {
  const command = commandOf('every', every)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })

  expect(() => command.parse(words, { from: 'user' })).toThrow(message)
})

test('the CLI throws an error that names the field if a command has a flag whose schema has no registered description', () => {
  const bare = defineVerb({ ...every, arguments: {}, flags: { lost: z.string() }, run: () => undefined })

  expect(() => commandOf('bare', bare)).toThrow('the schema of lost is not registered')
})
