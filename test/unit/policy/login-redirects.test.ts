// Each login issuer has redirect URIs of its own, and none that is registered changes without being said.

import { expect, test } from 'vitest'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { problemsOf, sourceOf } from './policy-text.ts'

const services = { s: { upstreams: ['http://s.test'], routes: [{ id: 'r', match: { path: '/' }, require: 'public' }] } }
const publicUrls = ['https://a.test', 'https://b.test']

/** @param logins  `login.redirect` by issuer; `none`: nobody logs in there, `unsaid`: it is left out */
function sourceWith(logins: Readonly<Record<string, 'plain' | 'issuer' | 'unsaid' | 'none'>>) {
  const issuers = Object.entries(logins).map(([name, redirect]) => {
    const login = { client_id: 'c', ...(redirect !== 'unsaid' && { redirect }) }
    const entry = { issuer: `https://${name.replaceAll('.', 'dot')}.test`, audience: ['a'] }
    return [name, redirect === 'none' ? entry : { ...entry, login }]
  })
  const document = { version: 1, issuers: Object.fromEntries(issuers), services }
  return sourceOf(JSON.stringify(document))
}

test.each([
  ['a sole login issuer', { main: 'unsaid' }, { main: 'plain' }],
  ['a sole login issuer beside others', { main: 'unsaid', other: 'none' }, { main: 'plain' }],
  ['a sole login issuer that says issuer', { main: 'issuer' }, { main: 'issuer' }],
  ['two that say it, one of them plain', { main: 'plain', other: 'issuer' }, { main: 'plain', other: 'issuer' }],
  ['two that say issuer', { main: 'issuer', other: 'issuer' }, { main: 'issuer', other: 'issuer' }],
] as const)('%s: %j has the redirects %j, also as it is printed', (_, logins, expected) => {
  const source = sourceWith(logins)
  const redirectsOf = (given: typeof source) =>
    Object.fromEntries(compilePolicy(given).loginIssuers.map(({ name, login }) => [name, login!.redirect]))

  expect(redirectsOf(source)).toEqual(expected)
  expect(redirectsOf(sourceOf(JSON.stringify(printPolicy(source.document))))).toEqual(expected)
})

test.each([
  ['two that do not say it', { main: 'unsaid', other: 'unsaid' }, ['main.login', 'other.login']],
  ['a second one that does not say it', { main: 'plain', other: 'unsaid' }, ['other.login']],
  ['a first one that does not say it', { main: 'unsaid', other: 'issuer' }, ['main.login']],
  ['a first one whose URI a second one takes', { main: 'unsaid', other: 'plain' }, ['main.login']],
  ['two that say plain', { main: 'plain', other: 'plain' }, ['other.login.redirect']],
  ['one whose name is no segment of a path', { '..': 'issuer' }, ['...login']],
] as const)('%s: %j is an error', (_, logins, at) => {
  const problems = problemsOf(() => compilePolicy(sourceWith(logins)))

  expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual(
    at.map((path) => `GH_POLICY_LOGIN issuers.${path}`),
  )
})

test('the error for a second login issuer names every redirect URI to register', () => {
  const source = sourceWith({ main: 'unsaid', other: 'unsaid' })
  const [problem] = problemsOf(() => compilePolicy(source, { publicUrls }))

  for (const origin of publicUrls) {
    for (const base of ['/.gatehouse/callback', '/oauth2/callback']) {
      for (const name of ['main', 'other']) expect(problem?.hint).toContain(`${origin}${base}/${name} `.trim())
      expect(problem?.hint).toMatch(new RegExp(`with plain: [^)]*${origin}${base}[ )]`))
    }
  }
  expect(problemsOf(() => compilePolicy(source))[0]?.hint).toContain('PUBLIC_URL/.gatehouse/callback/main')
})

test.each([
  ['plain', 'other.login.redirect'],
  ['unsaid', 'other.login'],
] as const)(
  'beside an issuer with redirect: plain, the error for one that says %s names no plain URI for it',
  (redirect, at) => {
    const [problem] = problemsOf(() => compilePolicy(sourceWith({ main: 'plain', other: redirect })))

    expect(problem?.path).toBe(`issuers.${at}`)
    const [ofMain, ofOther] = problem!.hint!.split('register ')[1]!.split('; ')
    expect(ofMain).toBe('at main: PUBLIC_URL/.gatehouse/callback PUBLIC_URL/oauth2/callback')
    expect(ofOther).toBe('at other: PUBLIC_URL/.gatehouse/callback/other PUBLIC_URL/oauth2/callback/other')
  },
)
