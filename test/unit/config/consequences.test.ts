// An error about a key suppresses the errors that only follow from it.

import { expect, test } from 'vitest'
import { ConfigError, type Problem } from '../../../gateway/config/problem.ts'
import { loadSettings } from '../../../gateway/config/settings.ts'
import { readPolicy } from '../../../gateway/policy/policy-source.ts'

function problemsOf(work: () => unknown): readonly Problem[] {
  try {
    work()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const settingsProblems = (flags: Record<string, unknown>) =>
  problemsOf(() => loadSettings({ path: undefined, env: {}, flags }))
const policyProblems = (routes: string) => {
  const text = `version: 1\nservices: { api: { credentials: none, upstreams: ["http://f"], routes: [${routes}] } }\n`
  return problemsOf(() => readPolicy([{ file: 'policy.yaml', bytes: Buffer.from(text) }]))
}
const policy = { path: 'policy.yaml' }

test.each([
  { flags: { polcy: { path: 'policy.yaml' } }, paths: ['polcy'] },
  { flags: { policy: { pth: 'policy.yaml' } }, paths: ['policy.pth'] },
  { flags: { policy, redis: { ulr: 'redis://127.0.0.1' } }, paths: ['redis.ulr'] },
  { flags: { policy, listen: ':8080', publc_url: 'https://api.example' }, paths: ['publc_url'] },
  { flags: { policy, redis: { ulr: 'redis://127.0.0.1', prefix: '' } }, paths: ['redis.prefix', 'redis.ulr'] },
  { flags: { colour: 'red' }, paths: ['colour', 'policy'] },
])('the settings $flags have problems at $paths only', ({ flags, paths }) => {
  expect(
    settingsProblems(flags)
      .map(({ path }) => path)
      .sort(),
  ).toEqual(paths)
})

test.each([
  { route: '{ id: f, match: { path: /f }, requre: public }', paths: ['services.api.routes[0].requre'] },
  { route: '{ id: f, mach: { path: /f }, require: public }', paths: ['services.api.routes[0].mach'] },
  { route: '{ id: f, match: { pth: /f }, require: public }', paths: ['services.api.routes[0].match.pth'] },
  {
    route: '{ id: f, match: { path: /f }, require: { scope: { all: [a] } } }',
    paths: ['services.api.routes[0].require.scope'],
  },
  { route: '{ id: f, match: { path: /f } }', paths: ['services.api.routes[0].require'] },
])('the policy route $route has problems at $paths only', ({ route, paths }) => {
  expect(policyProblems(route).map(({ path }) => path)).toEqual(paths)
})

test('a route without a requirement and names without `all` have hints that show the correct form', () => {
  expect(policyProblems('{ id: f, match: { path: /f } }')).toMatchObject([
    { message: 'is required', hint: expect.stringContaining('`require: public` to admit everyone') },
  ])
  expect(policyProblems('{ id: f, match: { path: /f }, require: { scopes: [orders:read, b] } }')).toMatchObject([
    { message: 'must be { all: [orders:read, b] } for all of the names, or { any: [orders:read, b] } for one of them' },
  ])
  expect(policyProblems('{ id: f, match: { path: /f }, require: { scopes: ["a b"] } }')).toMatchObject([
    { message: 'must be { all: [NAME] } for all of the names, or { any: [NAME] } for one of them' },
  ])
})

test('missing policy settings without a settings file have a hint that names --config and --policy', () => {
  expect(settingsProblems({})).toMatchObject([
    { path: 'policy', hint: expect.stringMatching(/--config FILE.*--policy PATH/) },
  ])
})
