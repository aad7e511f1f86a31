// The entries `admin` and `probes` of the settings: listeners, and the tokens that the admin API accepts.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { ConfigError, type Problem } from '../../../gateway/config/problem.ts'
import { loadSettings, type Settings } from '../../../gateway/config/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'admin-settings-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const token = 'a-token-of-at-least-32-characters'

function load(document: object, env: Record<string, string> = {}): Settings {
  const path = join(folder, 'gatehouse.yaml')
  writeFileSync(path, stringify({ policy: { path: 'policy.yaml' }, ...document }))
  return loadSettings({ path, env, flags: {} })
}

function problemsOf(document: object, env: Record<string, string> = {}): readonly Problem[] {
  try {
    load(document, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('by default, the admin listener of a node is on loopback and accepts no token, and there is no probe listener', () => {
  expect(load({})).toMatchObject({
    admin: { listen: { host: '127.0.0.1', port: 9090 }, hosts: [], issuer: undefined, bootstrapToken: undefined },
    probes: { listen: undefined },
  })
})

test('the settings read the bootstrap token from a file or an environment variable, without its final newline', () => {
  writeFileSync(join(folder, 'token'), `${token}\n`, { mode: 0o600 })

  expect(load({ admin: { bootstrap_token: { file: 'token' } } }).admin.bootstrapToken).toBe(token)
  expect(load({ admin: { bootstrap_token: { env: 'T' } } }, { T: token }).admin.bootstrapToken).toBe(token)
})

test('environment variables for the CLI never set the bootstrap token of a node', () => {
  const env = { GATEHOUSE_ADMIN_URL: 'http://x', GATEHOUSE_ADMIN_TOKEN: token, GATEHOUSE_ADMIN_TOKEN_FILE: 'token' }

  expect(load({}, env).admin.bootstrapToken).toBeUndefined()
})

const onlyTokenCharacters = expect.stringMatching(/^must have the characters of a bearer token only/)

test.each([
  ['of 31 characters', token.slice(0, 31), 'must have at least 32 characters'],
  ['with a blank', `${token} ${token}`, onlyTokenCharacters],
  ['of two lines', `${token}\n${token}`, onlyTokenCharacters],
  ['with a letter that bearer tokens cannot contain', `${token}ä`, onlyTokenCharacters],
])('the settings reject a bootstrap token %s, and the error does not quote the token', (_, secret, message) => {
  const problems = problemsOf({ admin: { bootstrap_token: { env: 'T' } } }, { T: secret })

  expect(problems).toMatchObject([{ code: 'GH_CONFIG_SECRET', path: 'admin.bootstrap_token', message }])
  expect(JSON.stringify(problems)).not.toContain(secret.slice(0, 12))
})

test('the settings reject a bootstrap token in the settings file, and the error does not quote the token', () => {
  const problems = problemsOf({ admin: { bootstrap_token: token } })

  expect(problems).toMatchObject([{ code: 'GH_CONFIG_SECRET_INLINE', path: 'admin.bootstrap_token' }])
  expect(JSON.stringify(problems)).not.toContain(token)
})

test('the settings reject a bootstrap token whose file is missing', () => {
  expect(problemsOf({ admin: { bootstrap_token: { file: 'absent' } } })).toMatchObject([{ code: 'GH_CONFIG_SECRET' }])
})

test('the settings of the admin issuer have the same keys, defaults and checks as an issuer in the policy', () => {
  const issuer = { issuer: 'https://idp.example', audience: ['https://gate.example/admin'] }

  expect(load({ admin: { issuer } }).admin.issuer).toMatchObject({
    ...issuer,
    profile: 'at+jwt',
    clock_tolerance: 5000,
  })
  expect(problemsOf({ admin: { issuer: { ...issuer, issuer: 'http://idp.example' } } })).toMatchObject([
    { path: 'admin.issuer.issuer', message: 'must be https; http is for loopback only' },
  ])
  expect(problemsOf({ admin: { issuer: { issuer: issuer.issuer } } })).toMatchObject([
    { code: 'GH_CONFIG_MISSING', path: 'admin.issuer.audience' },
  ])
  expect(problemsOf({ admin: { issuer: { ...issuer, algorithms: ['HS256'] } } })).toHaveLength(1)
})

test('environment variables set the admin issuer, the bootstrap token and the probe listener of a node', () => {
  const settings = load(
    {},
    {
      GATEHOUSE_ADMIN_ISSUER_ISSUER: 'https://idp.example',
      GATEHOUSE_ADMIN_ISSUER_AUDIENCE: '[https://gate.example/admin]',
      GATEHOUSE_ADMIN_BOOTSTRAP_TOKEN_ENV: 'T',
      GATEHOUSE_PROBES_LISTEN: ':9092',
      T: token,
    },
  )

  expect(settings.admin.issuer?.audience).toEqual(['https://gate.example/admin'])
  expect(settings.admin.bootstrapToken).toBe(token)
  expect(settings.probes.listen).toEqual({ host: undefined, port: 9092 })
})

const issuer = { issuer: 'https://idp.example', audience: ['https://gate.example/admin'] }
const login = { client_id: 'console', origin: 'https://gate-admin.example' }

test('by default, the log-in to the console is of a public client and requests the scopes openid and gatehouse:read', () => {
  expect(load({ admin: { issuer, login } }).admin.login).toEqual({
    clientId: 'console',
    clientSecret: undefined,
    origin: 'https://gate-admin.example',
    scopes: ['openid', 'gatehouse:read'],
    resource: undefined,
  })
})

test('the settings name the place of the client secret of the console, and require that the secret is readable', () => {
  const admin = { issuer, login: { ...login, client_secret: { env: 'S' } } }
  expect(load({ admin }, { S: 'secret' }).admin.login!.clientSecret).toEqual({ env: 'S' })
  expect(problemsOf({ admin })).toMatchObject([{ code: 'GH_CONFIG_SECRET', path: 'admin.login.client_secret' }])
})

test.each([
  ['without admin.issuer', { login }, 'GH_CONFIG_MISSING', 'admin.issuer'],
  ['without origin', { issuer, login: { client_id: 'console' } }, 'GH_CONFIG_MISSING', 'admin.login.origin'],
  [
    'of plain http',
    { issuer, login: { ...login, origin: 'http://gate.test' } },
    'GH_CONFIG_VALUE',
    'admin.login.origin',
  ],
  [
    'of a pattern',
    { issuer, login: { ...login, origin: 'https://*.gate.test' } },
    'GH_CONFIG_VALUE',
    'admin.login.origin',
  ],
  [
    'of a path',
    { issuer, login: { ...login, origin: 'https://gate.test/x' } },
    'GH_CONFIG_VALUE',
    'admin.login.origin',
  ],
  ['without openid', { issuer, login: { ...login, scopes: ['a'] } }, 'GH_CONFIG_VALUE', 'admin.login.scopes'],
])('the settings reject a log-in to the console %s', (_, admin, code, path) => {
  expect(problemsOf({ admin })).toMatchObject([{ code, path }])
})

test('the settings accept one-time links to the console only with an admin listener on loopback', () => {
  expect(load({ admin: { one_time_links: true } }).admin.oneTimeLinks).toBe(true)
  expect(problemsOf({ admin: { one_time_links: true, listen: ':9090' } })).toMatchObject([
    { code: 'GH_CONFIG_VALUE', path: 'admin.one_time_links' },
  ])
})
