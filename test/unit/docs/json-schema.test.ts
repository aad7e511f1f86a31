// The JSON Schemas for editors accept every valid document, and reject documents of the wrong form.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { errorExamples } from '../../../deploy/docs/error-examples.ts'
import { documentKinds, documentSchemas } from '../../../gateway/cli/document-schemas.ts'
import { entriesOf, type JsonSchema, jsonSchema } from '../../../gateway/config/json-schema.ts'
import type { ProblemCode } from '../../../gateway/config/problem.ts'
import { faultsIn } from './schema-faults.ts'

const policy = jsonSchema(documentSchemas.policy)
const settings = jsonSchema(documentSchemas.settings)
const faults = (text: string, schema: JsonSchema) => faultsIn(parse(text), schema, schema)

test.each(documentKinds)(
  'the JSON Schema of the %s document is draft 7, with a title for each key and a description for each value',
  (kind) => {
    const schema = jsonSchema(documentSchemas[kind])

    expect(schema).toMatchObject({ $schema: 'http://json-schema.org/draft-07/schema#', title: expect.any(String) })
    for (const [path, entry] of entriesOf(schema)) {
      expect(entry.title).toBe(path)
      if (entry.properties === undefined) expect([path, entry.description]).toEqual([path, expect.any(String)])
    }
  },
)

test('the JSON Schema of the policy accepts the policy of the demo', () => {
  const demo = readFileSync(new URL('../../../deploy/demo/policy.yaml', import.meta.url), 'utf8')

  expect(faults(demo, policy)).toEqual([])
})

test('the JSON Schema of the settings accepts valid settings', () => {
  const text = `
listen: 127.0.0.1:8080
public_url: [https://api.example, https://api2.example]
policy: { path: policy.yaml }
keys: { assertion: [{ id: k1, secret: { file: assertion.jwk } }] }
request: { head_max: 64KiB, idle: 10s }
drain_delay: 0s
`
  expect(faults(text, settings)).toEqual([])
})

/** Codes of errors that a JSON Schema can find. The other errors depend on several parts of the document. */
test.each([
  'GH_CONFIG_UNKNOWN_KEY',
  'GH_CONFIG_MISSING',
  'GH_CONFIG_VALUE',
  'GH_POLICY_REQUIREMENT',
] satisfies ProblemCode[])('the JSON Schema of the policy rejects the documented example of the error %s', (code) => {
  expect(faults(errorExamples[code].files['policy.yaml']!, policy)).not.toEqual([])
})

test('the JSON Schema of the settings rejects the documented example of the error GH_CONFIG_NOT_YET', () => {
  expect(faults(errorExamples.GH_CONFIG_NOT_YET.files['gatehouse.yaml']!, settings)).not.toEqual([])
})

test.each(['GH_POLICY_ROLE', 'GH_POLICY_CONFLICT', 'GH_POLICY_ISSUER'] satisfies ProblemCode[])(
  'the JSON Schema of the policy accepts the documented example of the error %s, which only the policy compiler rejects',
  (code) => {
    expect(faults(errorExamples[code].files['policy.yaml']!, policy)).toEqual([])
  },
)

const durations = settings.properties!['drain_timeout']!
const sizes = settings.properties!['request']!.properties!['head_max']!

test.each([
  ['30s', durations, true],
  ['500ms', durations, true],
  ['7d', durations, true],
  ['30', durations, false],
  ['030s', durations, false],
  ['none', durations, false],
  ['64KiB', sizes, true],
  ['1GiB', sizes, true],
  ['64KB', sizes, false],
  ['64', sizes, false],
])(
  'whether the JSON Schema for durations or sizes accepts the text %s is as the documentation says',
  (text, schema, valid) => {
    expect(faultsIn(text, schema, settings).length === 0).toBe(valid)
  },
)

test.each([
  ['{ scopes: { all: [a] } }', true],
  ['{ all: [{ scopes: { all: [a] } }, { not: { roles: { any: [b] } } }] }', true],
  ['public', true],
  ['{}', false],
  ['{ scopes: {} }', false],
  ['{ scopes: { all: [a] }, roles: { any: [b] } }', false],
  ['{ acr: [gold] }', true],
  ['{ acr: [gold], max_age: 5m }', true],
  ['{ acr: [gold], scopes: { all: [a] } }', false],
  ['anybody', false],
  ['{ all: [public] }', false],
])('whether the JSON Schema of the policy accepts `require: %s`: %s', (text, valid) => {
  const require = policy.properties!['services']!.additionalProperties as JsonSchema
  const schema = require.properties!['routes']!.items!.properties!['require']!

  expect(faultsIn(parse(text), schema, policy).length === 0).toBe(valid)
})

test.each([
  ['{ file: a.jwk }', true],
  ['{ env: A }', true],
  ['{}', false],
  ['{ env: A, file: b }', false],
  ['a secret', false],
])('whether the JSON Schema of the settings accepts `secret: %s`: %s', (text, valid) => {
  const { secret } = settings.properties!['keys']!.properties!['assertion']!.anyOf![0]!.items!.properties!

  expect(faultsIn(parse(text), secret!, settings).length === 0).toBe(valid)
})

test('the schema check of the tests throws an error for a keyword that is not part of JSON Schema', () => {
  expect(() => faultsIn('a', { type: 'string', reload: 'live' }, {})).toThrow('unknown keyword: "reload"')
})
