import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { settingsSchema } from '../../../gateway/config/settings-schema.ts'
import { httpFormatKinds } from '../../../gateway/config/sinks/http-formats.ts'
import { sinkKinds } from '../../../gateway/config/sinks/sink-kinds.ts'

// Every example of docs/guide/audit-sinks.md is a valid configuration.

const page = readFileSync(new URL('../../../docs/guide/audit-sinks.md', import.meta.url), 'utf8')
const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!)

test.each(examples)('the settings schema accepts the example of docs/guide/audit-sinks.md: %s', (text) => {
  const document = { ...parse(text), policy: { path: 'policy.yaml' }, redis: { url: 'redis://127.0.0.1' } }

  expect(settingsSchema.safeParse(document).error?.issues).toBeUndefined()
})

test('docs/guide/audit-sinks.md has an example for each kind of audit sink', () => {
  const sinks = examples.flatMap((text) => Object.values(parse(text).audit.sinks)) as {
    type: string
    preset?: string
  }[]
  const kinds = new Set(sinks.map(({ type, preset }) => (type === 'http' ? (preset ?? 'ndjson') : type)))

  expect(kinds).toEqual(
    new Set(
      [...sinkKinds.map(({ type }) => type), ...httpFormatKinds.map(({ preset }) => preset)].filter(
        (kind) => kind !== 'http',
      ),
    ),
  )
})
