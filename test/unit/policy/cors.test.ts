// S-098: `cors` names exact origins. Wildcards and patterns are errors.

import { expect, test } from 'vitest'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { policyOf, problemsOf, snapshotOf, sourceOf } from './policy-text.ts'

const routes = { read: { path: '/orders/**', methods: ['GET'] }, write: { path: '/orders/**', methods: ['POST'] } }
const withCors = (cors: object) => policyOf(routes, { cors })

test.each([
  ['*'],
  ['null'],
  ['https://*.app.test'],
  ['http://app.test'],
  ['https://app.test/'],
  ['https://app.test/page'],
  ['https://app.test:443'],
  ['https://APP.test'],
  ['https://user@app.test'],
  ['app.test'],
  ['file:///'],
  ['https://169.254.169.254'],
  [''],
])('the policy parser reports the invalid CORS origin %j with line and path', (origin) => {
  const problems = problemsOf(() => sourceOf(withCors({ origins: ['https://app.test', origin] })))

  expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual([
    'GH_CONFIG_VALUE services.orders.cors.origins[1]',
  ])
  expect(problems[0]!.line).toBeGreaterThan(0)
})

test.each([
  ['headers', { origins: [], headers: ['*'] }, 'GH_CONFIG_VALUE services.orders.cors.headers[0]'],
  ['expose', { origins: [], expose: ['a b'] }, 'GH_CONFIG_VALUE services.orders.cors.expose[0]'],
  ['methods', { origins: [], methods: ['*'] }, 'GH_CONFIG_VALUE services.orders.cors.methods[0]'],
  ['max_age', { origins: [], max_age: '25h' }, 'GH_CONFIG_VALUE services.orders.cors.max_age'],
  ['origin', { origin: [] }, 'GH_CONFIG_UNKNOWN_KEY services.orders.cors.origin'],
])('the policy parser rejects an invalid value or an unknown key in `cors`: %s', (_, cors, problem) => {
  const problems = problemsOf(() => sourceOf(withCors(cors)))

  expect(problems.map(({ code, path }) => `${code} ${path}`)).toContain(problem)
})

test('a policy with `cors` that is printed and parsed again compiles to the same CORS settings', () => {
  const text = withCors({ origins: ['https://app.test', 'http://[::1]:3000'], expose: ['X-A'], credentials: true })
  const again = JSON.stringify(printPolicy(sourceOf(text).document))

  const shared = (policy: string) => snapshotOf(policy).routes.map(({ cors }) => cors)
  expect(shared(again)).toEqual(shared(text))
  expect(shared(text)[0]).toMatchObject({ methods: new Set(['GET', 'HEAD']) })
})
