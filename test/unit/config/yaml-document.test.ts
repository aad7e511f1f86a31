// S-123, S-124: the YAML reader rejects malicious or malformed YAML in linear time and never crashes.

import { expect, test } from 'vitest'
import { readYaml } from '../../../gateway/config/yaml-document.ts'
import { fc } from '../../kit/properties.ts'

const read = (text: string | Uint8Array) => readYaml(typeof text === 'string' ? Buffer.from(text) : text, 'x.yaml')

const bomb = Array.from({ length: 9 }, (_, i) => {
  const parts = Array.from({ length: 9 }, () => (i === 0 ? 'x' : `*a${i - 1}`))
  return `a${i}: &a${i} [${parts.join(', ')}]\n`
}).join('')

const indented = Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:\n`).join('')

test.each([
  ['an alias bomb', bomb, 'GH_CONFIG_TOO_LARGE', 5],
  ['5 MB', `a: ${'x'.repeat(5_000_000)}`, 'GH_CONFIG_TOO_LARGE', 1],
  ['a million open brackets', '['.repeat(1_000_000), 'GH_CONFIG_TOO_LARGE', 1],
  ['1,000 nested lists', '['.repeat(1000) + ']'.repeat(1000), 'GH_CONFIG_TOO_LARGE', 1],
  ['1,000 nested mappings', indented, 'GH_CONFIG_TOO_LARGE', 64],
  ['1,000 nested list items', `${'- '.repeat(1000)}x`, 'GH_CONFIG_TOO_LARGE', 1],
  ['a function', 'a: !!js/function "function () {}"', 'GH_CONFIG_SYNTAX', 1],
  ['a custom tag', 'a: !thing { b: 1 }', 'GH_CONFIG_SYNTAX', 1],
  ['binary', 'a: !!binary aGk=', 'GH_CONFIG_SYNTAX', 1],
  ['a duplicate key', 'a: 1\nb: 2\na: 3\n', 'GH_CONFIG_DUPLICATE_KEY', 3],
  ['a duplicate key, once quoted and once not', 'a: 1\n"a": 2\n', 'GH_CONFIG_DUPLICATE_KEY', 2],
  ['a tab as indentation', 'a:\n\tb: 1\n', 'GH_CONFIG_SYNTAX', 2],
  ['two documents', 'a: 1\n---\nb: 1\n', 'GH_CONFIG_SYNTAX', 2],
  ['a merge key', 'a: &a { b: 1 }\nc:\n  <<: *a\n', 'GH_CONFIG_SYNTAX', 3],
  ['a merge key of YAML 1.1', '%YAML 1.1\n---\n<<: { a: 1 }\n', 'GH_CONFIG_SYNTAX', 3],
  ['a key that is a list', '? [a]\n: b\n', 'GH_CONFIG_SYNTAX', 1],
  ['an alias without an anchor', 'a: *b\n', 'GH_CONFIG_SYNTAX', 1],
  ['an alias within its anchor', 'a: &a [*a]\n', 'GH_CONFIG_SYNTAX', 1],
  ['an unclosed list', 'a: [1, 2\nb: {c: "d\n', 'GH_CONFIG_SYNTAX', 2],
  ['bytes that are not UTF-8', Uint8Array.of(0x61, 0x3a, 0x20, 0xff), 'GH_CONFIG_SYNTAX', 1],
  ['the key __proto__', 'a:\n  __proto__: { admin: true }\n', 'GH_CONFIG_UNKNOWN_KEY', 2],
  ['the key constructor', 'constructor: 1\n', 'GH_CONFIG_UNKNOWN_KEY', 1],
  ['the key prototype', 'prototype: 1\n', 'GH_CONFIG_UNKNOWN_KEY', 1],
])('the YAML reader rejects %s and reports the line', (_what, text, code, line) => {
  const [first] = read(text).problems

  expect(first).toMatchObject({ code, file: 'x.yaml', line })
})

test('the YAML reader reports a syntax error once, with a hint, and omits the errors that follow from it', () => {
  const { problems } = read('match: { path: /orders/{id}, methods: [GET] }\nrequire: { all: [a, b] }\n')

  expect(problems).toMatchObject([{ code: 'GH_CONFIG_SYNTAX', line: 1, hint: expect.stringMatching(/^quote texts/) }])
})

test('the YAML reader returns a valid document as plain data, with aliases resolved', () => {
  const { value, problems } = read(
    '%YAML 1.2\n---\n# note\na: &a [x, 1, true, null]\nb: { c: *a }\n1: "no"\nd: 2020-01-01\n',
  )

  expect(problems).toEqual([])
  expect(value).toEqual({ a: ['x', 1, true, null], b: { c: ['x', 1, true, null] }, '1': 'no', d: '2020-01-01' })
})

test.each([
  [['a'], 1, 1],
  [['a', 'b', 0], 3, 7],
  [['a', 'b', 1, 'c'], 4, 9],
  [['a', 'b', 1, 'absent', 'below'], 4, 7],
  [['d', 1, 'c'], 4, 9],
  [['absent'], 1, 1],
  [[], 1, 1],
])(
  'the YAML reader locates the path %j, or the nearest part of it that exists, at line %s, column %s',
  (path, line, column) => {
    const { locate } = read('a:\n  b: &b\n    - x\n    - { c: 1 }\nd: *b\n')

    expect(locate(path)).toEqual({ file: 'x.yaml', line, column })
  },
)

test('the error message of the YAML reader for an alias without an anchor says that the anchor is missing', () => {
  expect(read('a: *b\n').problems[0]!.message).toContain('is used inside the value of its anchor')
})

test('no error message of the YAML reader quotes a value', () => {
  const secret = 'hunter2'
  const texts = [
    `a: "${secret}`,
    `${secret}: ${secret}: x`,
    `a: !${secret} b`,
    `a: *${secret}`,
    `a: {${secret}`,
    `- ${secret}\nb: c`,
  ]
  for (const text of texts) {
    const { problems } = read(text)
    expect(problems).not.toEqual([])
    expect(JSON.stringify(problems)).not.toContain(secret)
  }
})

test('the YAML reader throws no exception for random YAML fragments', () => {
  const piece = fc.constantFrom(
    'a',
    ': ',
    '\n',
    '  ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '&a ',
    '*a',
    '!t ',
    '"',
    "'",
    '|\n',
    '#',
    '? ',
    '\t',
    '---\n',
    '%',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const { value, problems } = read(pieces.join(''))
      expect(problems.length > 0 || JSON.stringify(value) !== undefined).toBe(true)
    }),
    { numRuns: 2000 },
  )
})
