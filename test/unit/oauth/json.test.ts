// RFC 7515 §4, RFC 7519 §4: member names in the header and in the claims of a token must be unique (S-063).

import { expect, test } from 'vitest'
import { member, readJsonObject } from '../../../gateway/oauth/json.ts'
import { fc } from '../../kit/properties.ts'

test.each([
  '{"aud":"a","aud":"b"}',
  '{"alg":"ES256","alg":"none"}',
  '{"scope":"x","b":1,"scope":"y"}',
  '{"aud":"a","\\u0061ud":"b"}',
  '{"a":{"b":1,"b":1}}',
  '{"a":[1,{"b":[{}],"b":2}]}',
  '{"__proto__":1,"__proto__":2}',
  '{ "" : 1 , "" : 2 }',
])('S-063: the JSON reader rejects %s because of a duplicate member', (text) => {
  expect(readJsonObject(text)).toBe('token-duplicate-member')
})

test.each([
  '{"a":{"b":1},"b":{"a":1}}',
  '{"a":["a","a",{"a":"a"}]}',
  '{"a":"a","b":"a\\",\\"a\\":"}',
  '{"a\\\\":1,"a":2}',
  '{}',
])('the JSON reader accepts %s, in which no object has a duplicate member', (text) => {
  expect(readJsonObject(text)).toEqual(JSON.parse(text))
})

test.each(['', '[]', '"a"', 'null', '1', '{', '{"a":1}}', '{"a":1,}', "{'a':1}", '\ufeff{}', '{"a":"\n"}', 'NaN'])(
  'S-069: the JSON reader rejects %j, which is not a JSON object',
  (text) => {
    expect(readJsonObject(text)).toBe('token-malformed')
  },
)

test.each([
  { levels: 32, read: 'object' },
  { levels: 33, read: 'string' },
  { levels: 10_000, read: 'string' },
])(
  'S-069: the type of the result of the JSON reader for JSON with $levels levels of nesting is $read (string: the reason of a rejection)',
  ({ levels, read }) => {
    expect(typeof readJsonObject(`${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`)).toBe(read)
    expect(typeof readJsonObject(`{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`)).toBe(read)
  },
)

test('the JSON reader never throws, whatever text it reads', () => {
  const pieces = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '\\u0061', 'a', '1', 'null', ' ', '\ud800')
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces).map((list) => list.join('')),
    fc.json(),
  )
  fc.assert(
    fc.property(text, (input) => {
      readJsonObject(input)
    }),
    { numRuns: 2_000 },
  )
})

test('the JSON reader gives the same result as JSON.parse for objects without duplicate members', () => {
  const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' }))
  fc.assert(
    fc.property(object, fc.nat(2), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      expect(readJsonObject(text)).toEqual(JSON.parse(text))
    }),
  )
})

test('the JSON reader finds a duplicate member at any position', () => {
  const name = fc.string({ unit: 'binary' })
  const others = fc.uniqueArray(name, { maxLength: 6 })
  fc.assert(
    fc.property(name, others, fc.nat(6), fc.nat(6), (twice, list, first, second) => {
      const names = list.filter((other) => other !== twice)
      names.splice(first, 0, twice)
      names.splice(second, 0, twice)
      const object = `{${names.map((each) => `${JSON.stringify(each)}:{"a":[]}`).join(',')}}`
      expect(readJsonObject(object)).toBe('token-duplicate-member')
      expect(readJsonObject(`{"deeper":[0,${object}]}`)).toBe('token-duplicate-member')
    }),
  )
})

test.each(['__proto__', 'constructor', 'toString'])(
  'S-070: the JSON reader returns a member named %s only if the text contains it',
  (name) => {
    expect(member({}, name)).toBeUndefined()
    const read = readJsonObject(`{"${name}":1}`)
    expect(typeof read === 'object' && member(read, name)).toBe(1)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  },
)
