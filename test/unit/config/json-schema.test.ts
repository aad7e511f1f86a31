// The configuration reference and the JSON Schema are generated from the schemas: every key has a description and its
// reload behaviour.

import { expect, test } from 'vitest'
import { z } from 'zod'
import { settingsSchema } from '../../../gateway/config/settings-schema.ts'
import { policySchema } from '../../../gateway/policy/policy-schema.ts'

interface Entry {
  readonly type?: string
  readonly description?: string
  readonly reload?: string
  readonly secret?: boolean
  readonly properties?: Record<string, Entry>
  readonly additionalProperties?: Entry | false
  readonly items?: Entry
  readonly anyOf?: Entry[]
}

/** Every key that an operator can write in a configuration, with its path. */
function* entriesOf(schema: Entry, path = ''): Generator<[path: string, entry: Entry]> {
  for (const [key, entry] of Object.entries(schema.properties ?? {})) {
    yield [`${path}${key}`, entry]
    yield* entriesOf(entry, `${path}${key}.`)
  }
  if (typeof schema.additionalProperties === 'object') yield* entriesOf(schema.additionalProperties, `${path}*.`)
  if (schema.items !== undefined) yield* entriesOf(schema.items, `${path}[].`)
  for (const option of schema.anyOf ?? []) yield* entriesOf(option, path)
}

const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' }) as Entry
const settings = [...entriesOf(jsonSchema(settingsSchema))]
const policy = [...entriesOf(jsonSchema(policySchema))]
const isGroup = (entry: Entry) => entry.properties !== undefined

test.each([...settings, ...policy].filter(([, entry]) => !isGroup(entry)))(
  'the configuration key %s has a description in the JSON Schema',
  (_path, entry) => {
    expect(entry.description).toMatch(/^\S.{9,}\.$/s)
  },
)

test.each(settings.filter(([, entry]) => !isGroup(entry)))(
  'the settings key %s, or a mapping that contains it, states its reload behaviour (live or restart) in the JSON Schema',
  (path) => {
    const within = settings.filter(([outer]) => path === outer || path.startsWith(`${outer}.`))
    const said = within.flatMap(([, { reload }]) => (reload === undefined ? [] : [reload]))

    expect(['live', 'restart']).toContain(said[0])
  },
)

test('the JSON Schema of the policy is marked as reloaded live', () => {
  expect(jsonSchema(policySchema).reload).toBe('live')
})

test('all settings keys that refer to secrets are marked as secret in the JSON Schema', () => {
  expect(settings.filter(([, { secret }]) => secret === true).map(([path]) => path)).toEqual([
    'tls.certificates.[].key',
    'admin.bootstrap_token',
    'admin.login.client_secret',
    'keys.assertion.[].secret',
    'keys.encryption.[].secret',
    'keys.audit.[].secret',
    'keys.policy.[].secret',
    'redis.sentinel.password',
    'redis.password',
    'redis.tls.key',
    'telemetry.authorization',
  ])
})

test('in the JSON Schemas, every mapping with fixed keys rejects other keys', () => {
  const groups = [...settings, ...policy].filter(([, entry]) => isGroup(entry))

  expect(groups.length).toBeGreaterThan(10)
  for (const [path, entry] of groups) expect([path, entry.additionalProperties]).toEqual([path, false])
})
