// `gatehouse check --config` reads everything that settings name, as a start of a node does.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

const root = mkdtempSync(join(tmpdir(), 'check-settings-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const secret = 'not-to-be-printed-0123456789-abcdefgh'
file('secret', secret, 0o600)
file('open', secret, 0o644)
const key = Buffer.alloc(32, 7).toString('base64url')
file('encryption', key, 0o600)

function file(name: string, text: string, mode = 0o600): string {
  writeFileSync(join(root, name), text, { mode })
  return join(root, name)
}

const service =
  'services: { api: { credentials: none, upstreams: ["http://f"], routes: [{ id: f, match: { path: /f }, require: public }] } }'
const policy = `version: 1\n${service}\n`
const withLogin = (secretFile: string) => `version: 1
issuers:
  corp:
    issuer: https://idp.example
    audience: [a]
    login: { client_id: gate, client_secret: { file: ${secretFile} } }
${service}
`
const withUpstreamTls = policy
  .replace('upstreams:', 'upstream_tls: { ca: no-such-ca.pem }, upstreams:')
  .replace('http:', 'https:')
const redis = 'redis: { url: "redis://127.0.0.1:1" }\nkeys: { encryption: [{ id: e, secret: { file: encryption } }] }'
const sink = (token: string) =>
  `audit: { sinks: { siem: { type: http, preset: ndjson, url: "https://siem.example", auth: { token: { file: ${token} } } } } }`

const cases: readonly (readonly [subject: string, settings: string, policy: string, line: RegExp])[] = [
  ['a policy file that does not exist', 'policy: { path: none.yaml }', policy, /none\.yaml: cannot be read \(ENOENT\)/],
  ['an invalid policy', '', policy.replace('id: f', 'ID: f'), /policy\d+\.yaml:2:\d+: services\.api.*unknown key/],
  [
    'a secret of the settings that does not exist',
    'admin: { bootstrap_token: { file: gone } }',
    policy,
    /settings\d+\.yaml:1:\d+: admin\.bootstrap_token.*gone cannot be read/,
  ],
  [
    'an invalid key',
    'keys: { encryption: [{ id: e, secret: { file: secret } }] }',
    policy,
    /settings\d+\.yaml:1:\d+: keys\.encryption\[0\]\.secret/,
  ],
  [
    'a secret of the policy that does not exist',
    redis,
    withLogin('gone'),
    /policy\d+\.yaml:6:\d+: issuers\.corp\.login\.client_secret: .*gone cannot be read/,
  ],
  [
    'a login without Redis',
    'keys: { encryption: [{ id: e, secret: { file: encryption } }] }',
    withLogin('secret'),
    /redis: issuer corp has a login, but login sessions require redis/,
  ],
  [
    'a certificate authority of a service that does not exist',
    '',
    withUpstreamTls,
    /policy\d+\.yaml:2:\d+: services\.api\.upstream_tls\.ca/,
  ],
  [
    'a secret of an audit sink that does not exist',
    `${redis}\n${sink('gone')}`,
    policy,
    /settings\d+\.yaml:\d+:\d+: audit\.sinks\.siem\.auth\.token: .*gone cannot be read/,
  ],
  [
    'a spill folder below a file',
    `${redis}\naudit: { spill: { path: secret/spill } }`,
    policy,
    /settings\d+\.yaml:3:\d+: audit\.spill\.path: .*secret\/spill cannot be written: .*secret is not a folder/,
  ],
  [
    'an epoch file below a file',
    `${redis}\nrevocation: { epoch_file: secret/epoch }`,
    policy,
    /settings\d+\.yaml:3:\d+: revocation\.epoch_file: .*secret\/epoch cannot be written: .*secret is not a folder/,
  ],
  ['a misspelt key', 'admni: {}', policy, /settings\d+\.yaml:1:1: admni: unknown key/],
]

const paths = cases.map(([, settings, text], i) => {
  file(`policy${i}.yaml`, text)
  const own = settings.includes('policy:') ? '' : `\npolicy: { path: policy${i}.yaml }`
  return file(`settings${i}.yaml`, `${settings}${own}\n`)
})
const ran = runEach(paths.map((path) => ['check', '--config', path]))

test.each(cases.map(([subject, , , line], i) => ({ subject, line, run: ran[i]! })))(
  'the CLI command `check --config` reports $subject with its place and exits with 1',
  ({ line, run: { status, stdout, stderr } }) => {
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(line)
    expect(stderr.split('\n').filter((each) => /\(GH_/.test(each))).toHaveLength(1)
    expect(stderr).not.toContain(secret)
  },
)

const whole = file('whole.yaml', `policy: { path: whole-policy.yaml }\n${redis}\n${sink('secret')}\n`)
file('whole-policy.yaml', withLogin('secret'))
const risky = file('risky.yaml', 'policy: { path: risky-policy.yaml }\nadmin: { bootstrap_token: { file: open } }\n')
file('risky-policy.yaml', policy.replace('path: /f', 'path: "/f/:id"'))
const policyFile = file('only-policy.yaml', policy)
const tests = file('tests.yaml', 'tests: [{ name: n, request: { url: /f }, expect: { status: 200 } }]\n')

const others = runEach([
  ['check', '--config', whole],
  ['check', '--config', whole, '--output', 'json'],
  ['check', '--config', risky],
  ['check', '--config', risky, '--strict'],
  ['check', '--config', policyFile],
  ['check', whole],
  ['check', tests],
  ['check'],
  ['check', policyFile, '--config', whole],
])

test('the CLI command `check --config` counts what valid settings name, as text and as JSON', () => {
  const [text, json] = others
  expect([text!.status, text!.stderr]).toEqual([0, ''])
  expect(text!.stdout).toMatch(
    /whole\.yaml: ok, 0 secrets, 1 key, 1 audit sink\n.*whole-policy\.yaml: ok, 1 service, 1 route, revision [0-9a-f]{12}\n/,
  )
  expect(JSON.parse(json!.stdout).checked).toMatchObject([
    {
      path: whole,
      valid: true,
      policy: join(root, 'whole-policy.yaml'),
      keys: 1,
      sinks: 1,
      problems: [],
      warnings: [],
    },
  ])
})

test('the CLI command `check --config` reports unsafe settings and literal path segments as warnings, with --strict as errors', () => {
  const [warned, strict] = [others[2]!, others[3]!]
  expect([warned.status, strict.status]).toEqual([0, 1])
  for (const { stderr } of [warned, strict]) {
    expect(stderr).toMatch(/risky\.yaml: .*secret file .*open is accessible to every user .*\(GH_CONFIG_RISK\)/)
    expect(stderr).toMatch(
      /risky-policy\.yaml:2:\d+: .*segment :id matches only the text :id itself \(GH_POLICY_LITERAL_SEGMENT\)/,
    )
    expect(stderr).toContain('hint: * stands for one segment of any text: /f/*')
  }
})

test('the CLI command `check` recognizes settings, a policy and policy tests that are given as another kind of document', () => {
  const [asSettings, asPolicy, testsAsPolicy] = [others[4]!, others[5]!, others[6]!]
  expect(asSettings.stderr).toMatch(
    /only-policy\.yaml:1:1: is a policy, not a settings file \(GH_CONFIG_VALUE\)\n {2}hint: .*gatehouse check FILE/,
  )
  expect(asPolicy.stderr).toMatch(
    /whole\.yaml:1:1: is a settings file, not a policy \(GH_CONFIG_VALUE\)\n {2}hint: .*--config FILE/,
  )
  expect(testsAsPolicy.stderr).toMatch(
    /tests\.yaml:1:1: is a file of policy tests, not a policy .*\n {2}hint: .*--tests FILE/,
  )
  expect([asSettings, asPolicy, testsAsPolicy].map(({ status }) => status)).toEqual([1, 1, 1])
})

test('the CLI command `check` requires a policy or settings, and checks both if both are given', () => {
  const [none, both] = [others[7]!, others[8]!]
  expect([none.status, none.stdout]).toEqual([2, ''])
  expect(none.stderr).toContain('hint: gatehouse check policy.yaml, or gatehouse check --config gatehouse.yaml')
  expect(both.status).toBe(0)
  expect(both.stdout).toMatch(/whole\.yaml: ok[\s\S]*only-policy\.yaml: ok/)
})
