import { expect, test } from 'vitest'
import { documentSchemas } from '../../../gateway/cli/document-schemas.ts'
import { homeOfKey, otherKindProblem, ownKeys } from '../../../gateway/config/document-kind.ts'
import { nowhere } from '../../../gateway/config/problem.ts'
import { keysAt } from '../../../gateway/config/schema-walk.ts'

const { settings, policy, tests } = documentSchemas
const known = {
  settings: keysAt(settings.schema, []),
  policy: keysAt(policy.schema, []),
  'policy tests': keysAt(tests.schema, []),
}

test('the keys by which a kind of document is recognized are all keys of its schema that no other kind has', () => {
  for (const [kind, keys] of Object.entries(known)) {
    const others = Object.entries(known).flatMap(([other, all]) => (other === kind ? [] : all))
    expect([kind, ownKeys[kind as keyof typeof known]]).toEqual([kind, keys.filter((key) => !others.includes(key))])
  }
})

test.each([
  { document: { version: 1, services: {} }, expected: 'settings', message: 'is a policy, not a settings file' },
  { document: { listen: ':8080' }, expected: 'policy', message: 'is a settings file, not a policy' },
  { document: { tests: [] }, expected: 'policy', message: 'is a file of policy tests, not a policy' },
  { document: { services: {} }, expected: 'policy tests', message: 'is a policy, not a file of policy tests' },
  { document: { limits: {} }, expected: 'policy', message: undefined },
  { document: { listen: ':8080', services: {} }, expected: 'settings', message: undefined },
  { document: [{ listen: ':8080' }], expected: 'policy', message: undefined },
  { document: null, expected: 'policy', message: undefined },
] as const)(
  'the document $document, expected to be $expected, has the problem: $message',
  ({ document, expected, message }) => {
    expect(otherKindProblem(document, expected, nowhere)?.message).toBe(message)
  },
)

test('a key of another kind of document has a hint that names this kind, and a key of no kind has none', () => {
  expect(homeOfKey('services', known.settings)).toBe('services is a key of a policy: move it there')
  expect(homeOfKey('redis', known.policy)).toBe('redis is a key of a settings file: move it there')
  expect(homeOfKey('limits', known.policy)).toBeUndefined()
  expect(homeOfKey('other', known.policy)).toBeUndefined()
})
