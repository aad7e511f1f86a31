// The settings of a node are checked strictly, come from a file, the environment and flags, and name a file or a
// variable for each secret. No error message quotes a secret.

import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { ConfigError, type Problem } from '../../../gateway/config/problem.ts'
import { loadSettings, type Settings } from '../../../gateway/config/settings.ts'
import { certificateFor } from '../../kit/certificate.ts'

const root = mkdtempSync(join(tmpdir(), 'settings-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let files = 0
function fileOf(text: string, mode = 0o600): string {
  const path = join(root, `file-${files++}`)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

interface Sources {
  file?: object | string
  env?: Record<string, string>
  flags?: Record<string, unknown>
}

const policy = { path: 'policy.yaml' }

function load({ file = { policy }, env = {}, flags = {} }: Sources): Settings {
  return loadSettings({ path: fileOf(typeof file === 'string' ? file : stringify(file)), env, flags })
}

function problemsOf(sources: Sources): readonly Problem[] {
  try {
    load(sources)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const say = (sources: Sources) => problemsOf(sources).map(({ code, path }) => `${code} ${path}`.trim())

function jwk(): Record<string, unknown> {
  return { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }) }
}

test('a settings file with only policy.path gives every other setting its default', () => {
  expect(load({})).toEqual({
    node: { id: expect.stringMatching(new RegExp(`^[A-Za-z0-9._-]+-${process.pid}$`)) },
    listen: { host: '127.0.0.1', port: 8080 },
    reusePort: false,
    publicUrls: ['http://127.0.0.1:8080'],
    certificates: [],
    listenTls: false,
    proxies: [],
    clientAddress: 'x-forwarded-for',
    proxyProtocol: 'off',
    checkPeers: [],
    checkDpop: 'consume',
    dpop: { nonce: 'optional', iatWindowMs: 60_000 },
    addressLimit: { perSecond: 50, burst: 500, introspectionsPerSecond: 5 },
    revocation: { maxStalenessMs: 10_000, maxEntries: 4_000_000, epochFile: undefined },
    upstreamDns: { refreshMs: 5000, servers: [] },
    streams: { max: 50_000, maxPerAddress: 1000, holdMs: 30_000, maxMessageBytes: 1024 ** 2 },
    pages: { product: undefined, support: undefined, logo: undefined, css: undefined },
    addonSha256: undefined,
    admin: { listen: { host: '127.0.0.1', port: 9090 }, hosts: [], oneTimeLinks: false },
    policy: { source: 'file', path: join(root, 'policy.yaml') },
    keys: { assertion: [], encryption: [], audit: [], policy: [], maxAgeMs: undefined },
    probes: { listen: undefined },
    audit: {
      redisMaxBytes: 268_435_456,
      recentMs: 900_000,
      memoryBytes: 16_777_216,
      spill: undefined,
      recordsFacts: false,
    },
    secretExpiries: [],
    sinks: [],
    worker: { concurrency: 16 },
    sessions: { cacheEntries: 8192 },
    request: {
      targetMaxBytes: 8192,
      headMaxBytes: 32_768,
      fieldsMax: 98,
      tokenMaxBytes: 8192,
      idleMs: 30_000,
      chunkedIdleMs: 10_000,
    },
    tokens: { cacheEntries: 16_384 },
    drainDelayMs: 0,
    drainTimeoutMs: 30_000,
    overload: { mode: 'observe', delayMs: 10, inFlight: 16_384, memory: 0.9, refusalDelayMs: 1000 },
    log: { format: 'json', access: true, level: 'info' },
    telemetry: { traces: undefined, metrics: undefined, logs: undefined, authorization: undefined },
    warnings: [],
  })
})

test('the settings loader works without a file, from environment variables and flags', () => {
  const env = { GATEHOUSE_POLICY_PATH: 'p.yaml' }
  const settings = loadSettings({ path: undefined, env, flags: { listen: '127.0.0.1:0', node: { id: undefined } } })

  expect(settings.policy).toEqual({ source: 'file', path: join(process.cwd(), 'p.yaml') })
  expect(settings.listen.port).toBe(0)
})

test('flags override environment variables, which override the settings file, key by key; a list is replaced as a whole', () => {
  const file = {
    policy,
    log: { format: 'pretty', level: 'warn', access: false },
    admin: { hosts: ['a', 'b'] },
    request: { idle: '20s', token_max: '4KiB' },
  }
  const env = { GATEHOUSE_LOG_LEVEL: 'error', GATEHOUSE_REQUEST_IDLE: '40s', GATEHOUSE_ADMIN_HOSTS: '[c]' }
  const { log, admin, request } = load({ file, env, flags: { log: { level: 'debug' }, request: { idle: undefined } } })

  expect(log).toEqual({ format: 'pretty', level: 'debug', access: false })
  expect(admin.hosts).toEqual(['c'])
  expect(request).toMatchObject({ idleMs: 40_000, tokenMaxBytes: 4096 })
})

test('environment variables can set settings of every type of value', () => {
  const key = jwk()
  const settings = loadSettings({
    path: undefined,
    flags: {},
    env: {
      GATEHOUSE_NODE_ID: '123',
      GATEHOUSE_LISTEN: ':8443',
      GATEHOUSE_REUSE_PORT: 'true',
      GATEHOUSE_PUBLIC_URL: '["https://a.test", "https://b.test:8443/"]',
      GATEHOUSE_ADMIN_LISTEN: '[::1]:9999',
      GATEHOUSE_POLICY_SOURCE: 'file',
      GATEHOUSE_POLICY_PATH: '/p.yaml',
      GATEHOUSE_KEYS_ASSERTION: '[{ id: k1, secret: { env: GATEHOUSE_KEY_ONE } }]',
      GATEHOUSE_KEY_ONE: `${JSON.stringify(key)}\n`,
      GATEHOUSE_REQUEST_TARGET_MAX: '4KiB',
      GATEHOUSE_REQUEST_FIELDS_MAX: '50',
      GATEHOUSE_TOKENS_CACHE: '1024',
      GATEHOUSE_DRAIN_DELAY: '5s',
      GATEHOUSE_DRAIN_TIMEOUT: '1m',
      GATEHOUSE_LOG_ACCESS: 'false',
    },
  })

  expect(settings).toMatchObject({
    node: { id: '123' },
    listen: { host: undefined, port: 8443 },
    reusePort: true,
    publicUrls: ['https://a.test', 'https://b.test:8443'],
    admin: { listen: { host: '::1', port: 9999 } },
    policy: { path: '/p.yaml' },
    keys: { assertion: [{ id: 'k1', jwk: { d: key['d'] } }] },
    request: { targetMaxBytes: 4096, fieldsMax: 50 },
    tokens: { cacheEntries: 1024 },
    drainDelayMs: 5000,
    drainTimeoutMs: 60_000,
    log: { access: false },
  })
})

test.each([
  ['true', true],
  ['false', false],
  ['audit', 'audit'],
])('the environment variable GATEHOUSE_LOG_ACCESS=%s sets log.access to %j', (text, access) => {
  expect(load({ file: { policy }, env: { GATEHOUSE_LOG_ACCESS: text } }).log.access).toBe(access)
})

test.each([
  'GATEHOUSE_SERVICE_HOST',
  'GATEHOUSE_SERVICE_PORT',
  'GATEHOUSE_SERVICE_PORT_HTTP',
  'GATEHOUSE_PORT',
  'GATEHOUSE_PORT_8080_TCP',
  'GATEHOUSE_PORT_8080_TCP_ADDR',
  'GATEHOUSE_ADMIN_SERVICE_HOST',
  'GATEHOUSE_ADMIN_PORT_9090_TCP_PROTO',
  'GATEHOUSE_ADMIN_URL',
  'GATEHOUSE_ADMIN_TOKEN',
  'GATEHOUSE_ADMIN_TOKEN_FILE',
  'GATEHOUSE_DEMO_PORT_OFFSET',
  'OTHER',
])('the settings loader does not report the environment variable %s, which other programs set, as unknown', (name) => {
  expect(say({ env: { [name]: 'tcp://10.0.0.1:80' } })).toEqual([])
})

test.each([
  ['GATEHOUSE_LISTN', 'did you mean GATEHOUSE_LISTEN?'],
  ['GATEHOUSE_ADMIN_TOKENS', 'did you mean GATEHOUSE_ADMIN_HOSTS?'],
  ['GATEHOUSE_LOG', undefined],
  ['GATEHOUSE_', undefined],
])(
  'the settings loader reports the environment variable %s as unknown, because it belongs to no setting',
  (name, hint) => {
    expect(problemsOf({ env: { [name]: 'x' } })).toMatchObject([{ code: 'GH_CONFIG_UNKNOWN_VARIABLE', file: name }])
    if (hint !== undefined) expect(problemsOf({ env: { [name]: 'x' } })[0]?.hint).toMatch(/^did you mean GATEHOUSE_/)
  },
)

test.each([
  ['a file', (text: string) => fileOf(text)],
  [
    'a folder',
    (text: string) => {
      const folder = mkdtempSync(join(root, 'policies-'))
      writeFileSync(join(folder, 'a.yaml'), 'version: 1')
      writeFileSync(join(folder, 'b.yaml'), text)
      return folder
    },
  ],
])(
  'the settings loader accepts an environment variable that the policy in %s names, and reports a similar variable as unknown',
  (_, written) => {
    const path = written('issuers: { main: { introspection: { client_secret: { env: GATEHOUSE_IDP_SECRET } } } }')
    const env = { GATEHOUSE_IDP_SECRET: 'x', GATEHOUSE_IDP_SECRETS: 'x' }

    expect(problemsOf({ file: { policy: { path } }, env }).map(({ file }) => file)).toEqual(['GATEHOUSE_IDP_SECRETS'])
    expect(problemsOf({ file: {}, env: { ...env, GATEHOUSE_POLICY_PATH: path } }).map(({ file }) => file)).toEqual([
      'GATEHOUSE_IDP_SECRETS',
    ])
  },
)

test('the settings loader accepts an environment variable that the seed of a cluster policy names', () => {
  const path = join(root, 'seed-with-variable.yaml')
  writeFileSync(path, 'services: { a: { credentials: { secret: { env: GATEHOUSE_API_KEY } } } }')
  const secret = Buffer.alloc(32, 7).toString('base64url')
  const keys = { policy: [{ id: 'p1', secret: { env: 'POLICY_KEY' } }] }
  const file = { policy: { source: 'cluster', seed: path, copy: 'y' }, redis: { url: 'redis://a' }, keys }

  expect(say({ file, env: { POLICY_KEY: secret, GATEHOUSE_API_KEY: 'x' } })).toEqual([])
})

test('the settings loader warns of an environment variable that only a later revision of a cluster policy could name', () => {
  const keys = { policy: [{ id: 'p1', secret: { env: 'POLICY_KEY' } }] }
  const file = { policy: { source: 'cluster', copy: 'y' }, redis: { url: 'redis://a' }, keys }
  const env = {
    POLICY_KEY: Buffer.alloc(32, 7).toString('base64url'),
    GATEHOUSE_LATER_SECRET: 'x',
    GATEHOUSE_LISTN: 'x',
  }

  expect(load({ file, env }).warnings).toEqual([
    'unknown environment variable GATEHOUSE_LATER_SECRET: no setting and no secret of policy.seed has this name; unset it, or rename it if another program reads it',
    expect.stringMatching(/^unknown environment variable GATEHOUSE_LISTN: .*; did you mean GATEHOUSE_LISTEN\?$/),
  ])
})

test('the settings loader reports an environment variable as unknown if the policy that could name the variable cannot be read', () => {
  for (const path of [join(root, 'none.yaml'), fileOf('{ env: [')]) {
    const env = { GATEHOUSE_IDP_SECRET: 'x' }

    expect(problemsOf({ file: { policy: { path } }, env }).map(({ file }) => file)).toEqual(['GATEHOUSE_IDP_SECRET'])
  }
})

test('the settings loader treats an empty environment variable as unset', () => {
  expect(load({ env: { GATEHOUSE_LISTEN: '', GATEHOUSE_LOG_LEVEL: '' } }).listen.port).toBe(8080)
})

test('a problem of the settings names the place that sets the value: the file line, the environment variable or the command line', () => {
  const file = 'policy: { path: p }\nlog:\n  level: loud\n'
  const env = { GATEHOUSE_REQUEST_IDLE: '1s', GATEHOUSE_ADMIN_HOSTS: '[' }

  expect(problemsOf({ file, env: { GATEHOUSE_REQUEST_IDLE: '1s' }, flags: { drain_delay: '1y' } })).toMatchObject([
    { path: 'log.level', line: 3, column: 3, hint: undefined },
    { path: 'request.idle', file: 'GATEHOUSE_REQUEST_IDLE', line: undefined },
    { path: 'drain_delay', file: 'command line' },
  ])
  expect(problemsOf({ file, env })).toMatchObject([
    { code: 'GH_CONFIG_SYNTAX', path: 'admin.hosts', file: 'GATEHOUSE_ADMIN_HOSTS' },
  ])
})

test.each([
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['[::1]:8080', { host: '::1', port: 8080 }],
  [':8080', { host: undefined, port: 8080 }],
  ['gate.internal:65535', { host: 'gate.internal', port: 65_535 }],
  ['8080', undefined],
  ['127.0.0.1', undefined],
  ['::1:8080', undefined],
  ['[::1]', undefined],
  ['[127.0.0.1]:80', undefined],
  ['256.0.0.1:80', undefined],
  ['a:65536', undefined],
  ['a:080', undefined],
  ['http://a:80', undefined],
])('the setting `listen: %s` is parsed as %j (undefined: invalid)', (listen, address) => {
  const sources = { file: { policy, listen, public_url: 'https://a.test' } }

  if (address === undefined) expect(say(sources)).toEqual(['GH_CONFIG_VALUE listen'])
  else expect(load(sources).listen).toEqual(address)
})

test.each([
  [{ listen: ':8080' }, ['GH_CONFIG_MISSING public_url']],
  [{ listen: '0.0.0.0:8080' }, ['GH_CONFIG_MISSING public_url']],
  [{ listen: 'gate.internal:8080' }, ['GH_CONFIG_MISSING public_url']],
  [{ listen: 'localhost:8080' }, []],
  [{ listen: '127.9.9.9:80' }, []],
  [{ listen: '[::1]:8080' }, []],
  [{ listen: ':8080', public_url: 'https://a.test' }, []],
  [{ public_url: 'http://localhost:8080' }, []],
  [{ public_url: 'http://a.test' }, ['GH_CONFIG_VALUE public_url']],
  [{ public_url: 'https://a.test/base' }, ['GH_CONFIG_VALUE public_url']],
  [{ public_url: 'https://u@a.test' }, ['GH_CONFIG_VALUE public_url']],
  [{ public_url: [] }, ['GH_CONFIG_VALUE public_url']],
  [{ public_url: ['https://a.test', 'http://b.test'] }, ['GH_CONFIG_VALUE public_url[1]']],
  [{ public_url: ['https://a.test', 'https://*.apps.test', 'https://*.apps.test:8443'] }, []],
  [{ public_url: ['http://localhost:1', 'http://*.localhost:1'] }, []],
  [{ public_url: 'https://*.apps.test' }, ['GH_CONFIG_VALUE public_url']],
  [{ public_url: ['https://a.test', 'https://*.test'] }, ['GH_CONFIG_VALUE public_url[1]']],
  [{ public_url: ['https://a.test', 'https://a.*.apps.test'] }, ['GH_CONFIG_VALUE public_url[1]']],
  [{ public_url: ['https://a.test', 'https://x*.apps.test'] }, ['GH_CONFIG_VALUE public_url[1]']],
  // A certificate that cannot be read is one problem, not also a missing certificate.
  [
    {
      tls: { certificates: [{ cert: '/none.crt', key: { file: '/none.key' } }] },
      listen_h2: { address: ':1', tls: true },
    },
    ['GH_CONFIG_SECRET tls.certificates[0]', 'GH_CONFIG_MISSING public_url'],
  ],
])('the settings %j have the problems %j', (settings, problems) => {
  expect(say({ file: { policy, ...settings } })).toEqual(problems)
})

test.each([
  [{ policy: undefined }, 'GH_CONFIG_MISSING policy'],
  [{ policy: {} }, 'GH_CONFIG_MISSING policy.path'],
  [{ policy: { source: 'disk', path: 'x' } }, 'GH_CONFIG_VALUE policy.source'],
  [{ policy: { path: 'x', seed: 'y' } }, 'GH_CONFIG_VALUE policy.seed'],
  [{ policy: { path: 'x', copy: 'y' } }, 'GH_CONFIG_VALUE policy.copy'],
  [{ policy: { source: 'cluster', seed: 'x' } }, 'GH_CONFIG_MISSING policy.copy'],
  [{ policy: { path: 'x', owners: { s: { hosts: ['a.test'], paths: ['/a/**'] } } } }, 'GH_CONFIG_VALUE policy.owners'],
  [
    { policy: { source: 'cluster', copy: 'x', owners: { s: { hosts: [], paths: ['/'] } } } },
    'GH_CONFIG_VALUE policy.owners.s.hosts',
  ],
  [
    { policy: { source: 'cluster', copy: 'x', owners: { s: { hosts: ['A.test'], paths: ['/'] } } } },
    'GH_CONFIG_VALUE policy.owners.s.hosts[0]',
  ],
  [
    { policy: { source: 'cluster', copy: 'x', owners: { s: { hosts: ['*'], paths: [''] } } } },
    'GH_CONFIG_VALUE policy.owners.s.paths[0]',
  ],
  [
    { policy: { source: 'cluster', copy: 'x', owners: { s: { hosts: ['*'], paths: ['/a*'] } } } },
    'GH_CONFIG_VALUE policy.owners.s.paths[0]',
  ],
  [
    {
      policy: {
        source: 'cluster',
        copy: 'x',
        owners: { s: { hosts: ['*'], paths: ['/'], upstreams: ['http://a/b'] } },
      },
    },
    'GH_CONFIG_VALUE policy.owners.s.upstreams[0]',
  ],
  [
    {
      policy: {
        source: 'cluster',
        copy: 'x',
        owners: { s: { hosts: ['*'], paths: ['/'], secrets: [{ env: 'A', file: 'b' }] } },
      },
    },
    'GH_CONFIG_VALUE policy.owners.s.secrets[0]',
  ],
  [{ upstream_dns: { servers: ['dns.test'] } }, 'GH_CONFIG_VALUE upstream_dns.servers[0]'],
  [{ upstream_dns: { servers: ['10.0.0'] } }, 'GH_CONFIG_VALUE upstream_dns.servers[0]'],
  [{ upstream_dns: { servers: ['10.0.0.2:0'] } }, 'GH_CONFIG_VALUE upstream_dns.servers[0]'],
  [{ upstream_dns: { servers: ['10.0.0.2:65536'] } }, 'GH_CONFIG_VALUE upstream_dns.servers[0]'],
  [{ upstream_dns: { servers: ['[10.0.0.2]'] } }, 'GH_CONFIG_VALUE upstream_dns.servers[0]'],
  [{ upstream_dns: { servers: ['[::1'] } }, 'GH_CONFIG_VALUE upstream_dns.servers[0]'],
  [{ upstream_dns: { servers: new Array<string>(9).fill('10.0.0.2') } }, 'GH_CONFIG_VALUE upstream_dns.servers'],
  [{ upstream_dns: { refresh: '999ms' } }, 'GH_CONFIG_VALUE upstream_dns.refresh'],
  [{ webhooks: {} }, 'GH_CONFIG_NOT_YET webhooks'],
  [{ tls: {} }, 'GH_CONFIG_MISSING tls.certificates'],
  // S-127: the settings reject an address block that trusts every peer.
  [{ proxies: ['0.0.0.0/0'] }, 'GH_CONFIG_VALUE proxies[0]'],
  [{ worker: { concurrency: 0 } }, 'GH_CONFIG_VALUE worker.concurrency'],
  [{ probes: { listen: 'x' } }, 'GH_CONFIG_VALUE probes.listen'],
  [{ listn: ':1' }, 'GH_CONFIG_UNKNOWN_KEY listn'],
  [{ request: { fields_max: 99 } }, 'GH_CONFIG_VALUE request.fields_max'],
  [{ request: { fields_max: 9.5 } }, 'GH_CONFIG_VALUE request.fields_max'],
  [{ request: { idle: '7s' } }, 'GH_CONFIG_VALUE request.idle'],
  [{ request: { idle: '11m' } }, 'GH_CONFIG_VALUE request.idle'],
  [{ request: { head_max: '128KiB' } }, 'GH_CONFIG_VALUE request.head_max'],
  [{ log: null }, 'GH_CONFIG_VALUE log'],
  [{ log: { access: 'yes' } }, 'GH_CONFIG_VALUE log.access'],
  [{ log: { access: 'audit', format: 'pretty' } }, 'GH_CONFIG_VALUE log.access'],
  [{ node: { id: 'a b' } }, 'GH_CONFIG_VALUE node.id'],
  [{ admin: { hosts: ['A.test'] } }, 'GH_CONFIG_VALUE admin.hosts[0]'],
])('the settings loader rejects %j with %s', (settings, problem) => {
  expect(say({ file: { policy, ...settings } })).toEqual([problem])
})

test('the settings of a cluster policy require Redis and a key that authenticates revisions', () => {
  expect(say({ file: { policy: { source: 'cluster', copy: 'y' } } })).toEqual([
    'GH_CONFIG_MISSING redis',
    'GH_CONFIG_MISSING keys.policy',
  ])
})

test('in settings with policy.source: cluster, an unreadable key of keys.policy is reported once, without an error that a policy key is missing', () => {
  const keys = { policy: [{ id: 'p1', secret: { env: 'UNSET' } }] }
  const file = { policy: { source: 'cluster', copy: 'y' }, redis: { url: 'redis://a' }, keys }

  expect(say({ file })).toEqual(['GH_CONFIG_SECRET keys.policy[0].secret'])
})

test('the settings loader throws a ConfigError for an unreadable or malformed settings file', () => {
  expect(() => loadSettings({ path: join(root, 'nowhere'), env: {}, flags: {} })).toThrow(ConfigError)
  expect(say({ file: 'policy: { path: ' })).toEqual(['GH_CONFIG_SYNTAX'])
  expect(say({ file: '[]' })).toEqual(['GH_CONFIG_VALUE'])
  expect(say({ file: '' })).toEqual(['GH_CONFIG_MISSING policy'])
})

test('the settings loader reports problems of secrets, of combinations of settings and of environment variables together; if a setting has the wrong type, the loader reports all problems except those of combinations', () => {
  const unset = { env: 'UNSET' }
  const file = {
    policy,
    listen: ':8080',
    proxy_protocol: 'required',
    redis: { url: 'redis://a', password: unset },
    admin: { bootstrap_token: unset },
    keys: { audit: [{ id: 'k', secret: unset }] },
  }
  const env = { GATEHOUSE_NOTHING: '1', OTEL_METRICS_EXPORTER: 'prometheus' }
  const secrets = ['admin.bootstrap_token', 'keys.audit[0].secret', 'redis.password'].map(
    (path) => `GH_CONFIG_SECRET ${path}`,
  )
  const variables = ['GH_CONFIG_VALUE', 'GH_CONFIG_UNKNOWN_VARIABLE']
  const combinations = ['GH_CONFIG_MISSING public_url', 'GH_CONFIG_MISSING proxies']

  expect(say({ file, env }).toSorted()).toEqual([...secrets, ...variables, ...combinations].toSorted())
  expect(say({ file: { ...file, drain_delay: 5 }, env }).toSorted()).toEqual(
    [...secrets, ...variables, 'GH_CONFIG_VALUE drain_delay'].toSorted(),
  )
})

test('a relative path in the settings file starts at the folder of the file, and a relative path in an environment variable at the working directory', () => {
  const file = { policy: { path: 'p.yaml' }, revocation: { epoch_file: 'epoch' }, audit: { spill: { path: 'spill' } } }
  const fromFile = load({ file })
  const fromEnv = load({
    file,
    env: {
      GATEHOUSE_POLICY_PATH: 'p.yaml',
      GATEHOUSE_REVOCATION_EPOCH_FILE: 'epoch',
      GATEHOUSE_AUDIT_SPILL_PATH: 'spill',
    },
  })
  const pathsOf = (settings: Settings) => [
    settings.policy.source === 'file' && settings.policy.path,
    settings.revocation.epochFile,
    settings.audit.spill?.path,
  ]

  expect(pathsOf(fromFile)).toEqual(['p.yaml', 'epoch', 'spill'].map((name) => join(root, name)))
  expect(pathsOf(fromEnv)).toEqual(['p.yaml', 'epoch', 'spill'].map((name) => join(process.cwd(), name)))
})

test('a relative path of a secret starts at the folder of the settings file, or at the working directory for an environment variable', () => {
  const problem = (sources: Sources) => problemsOf(sources)[0]!.message
  const file = { policy, admin: { bootstrap_token: { file: 'absent-token' } } }

  expect(problem({ file })).toContain(join(root, 'absent-token'))
  expect(problem({ env: { GATEHOUSE_ADMIN_BOOTSTRAP_TOKEN_FILE: 'absent-token' } })).toContain(
    join(process.cwd(), 'absent-token'),
  )
})

const keyed = (secret: unknown, id = 'k1') => ({ policy, keys: { assertion: [{ id, secret }] } })

test('S-128: the settings loader reads a secret from a file relative to the settings file, without its final newline', () => {
  const key = jwk()
  const path = fileOf(`${JSON.stringify(key)}\n`)
  const { keys, warnings } = load({ file: keyed({ file: path.slice(root.length + 1) }) })

  expect(keys.assertion).toEqual([
    { id: 'k1', jwk: { kty: 'EC', crv: 'P-256', x: key['x'], y: key['y'], d: key['d'] } },
  ])
  expect(warnings).toEqual([])
})

test.each([0o666, 0o604, 0o644])(
  'S-128: a secret file that other users can read or write causes a warning with its path (file mode %o, decimal)',
  (mode) => {
    const path = fileOf(JSON.stringify(jwk()), mode)

    expect(load({ file: keyed({ file: path }) }).warnings).toEqual([expect.stringContaining(path)])
  },
)

test.each<[string, () => unknown, string]>([
  ['inline', () => 'hunter2', 'GH_CONFIG_SECRET_INLINE keys.assertion[0].secret'],
  ['a number', () => 42, 'GH_CONFIG_VALUE keys.assertion[0].secret'],
  ['absent', () => ({ file: join(root, 'nowhere') }), 'GH_CONFIG_SECRET keys.assertion[0].secret'],
  ['a folder', () => ({ file: root }), 'GH_CONFIG_SECRET keys.assertion[0].secret'],
  ['an empty file', () => ({ file: fileOf('\n') }), 'GH_CONFIG_SECRET keys.assertion[0].secret'],
  ['an unset variable', () => ({ env: 'NO_SUCH' }), 'GH_CONFIG_SECRET keys.assertion[0].secret'],
  [
    'a variable named like an inherited property',
    () => ({ env: 'toString' }),
    'GH_CONFIG_SECRET keys.assertion[0].secret',
  ],
  ['a variable and a file', () => ({ env: 'A', file: 'b' }), 'GH_CONFIG_VALUE keys.assertion[0].secret'],
  ['an empty reference', () => ({}), 'GH_CONFIG_VALUE keys.assertion[0].secret'],
  ['not JSON', () => ({ file: fileOf('hunter2') }), 'GH_CONFIG_SECRET keys.assertion[0].secret'],
  [
    'a public key',
    () => ({ file: fileOf(JSON.stringify({ ...jwk(), d: undefined })) }),
    'GH_CONFIG_SECRET keys.assertion[0].secret',
  ],
  [
    'a private key with the public key of another',
    () => ({ file: fileOf(JSON.stringify({ ...jwk(), d: jwk()['d'] })) }),
    'GH_CONFIG_SECRET keys.assertion[0].secret',
  ],
  [
    'another curve',
    () => ({ file: fileOf(JSON.stringify({ ...jwk(), crv: 'P-384' })) }),
    'GH_CONFIG_SECRET keys.assertion[0].secret',
  ],
  [
    'the private key 0',
    () => ({ file: fileOf(JSON.stringify({ ...jwk(), d: 'A'.repeat(43) })) }),
    'GH_CONFIG_SECRET keys.assertion[0].secret',
  ],
])(
  'S-128: the settings loader rejects a signing key whose secret is %s, and the error does not quote it',
  (_what, make, problem) => {
    const file = keyed(make())

    expect(say({ file })).toEqual([problem])
    expect(JSON.stringify(problemsOf({ file }))).not.toContain('hunter2')
  },
)

test('the settings loader rejects a second signing key with the same id', () => {
  const secret = { env: 'KEY' }
  const file = {
    policy,
    keys: {
      assertion: [
        { id: 'k', secret },
        { id: 'k', secret },
      ],
    },
  }

  expect(say({ file, env: { KEY: JSON.stringify(jwk()) } })).toEqual(['GH_CONFIG_VALUE keys.assertion[1].id'])
})

test('the Redis settings describe one server, a master with sentinels or a cluster, with passwords from environment variables', () => {
  const password = { env: 'REDIS_PASSWORD' }
  const env = { REDIS_PASSWORD: 'hush' }
  const redisOf = (redis: object) => load({ file: { policy, redis }, env }).redis

  expect(load({}).redis).toBeUndefined()
  expect(load({ env: { GATEHOUSE_REDIS_URL: 'redis://[::1]:7000/3' } }).redis).toMatchObject({
    place: { topology: 'standalone', server: { host: '::1', port: 7000 }, database: 3 },
    prefix: 'gh:',
    tls: undefined,
  })
  expect(redisOf({ url: 'unix:///run/redis.sock' })?.place).toMatchObject({ server: { path: '/run/redis.sock' } })
  expect(redisOf({ url: 'rediss://redis.example', username: 'gate', password, prefix: 'x:' })).toMatchObject({
    place: { server: { host: 'redis.example', port: 6379 }, database: 0 },
    username: 'gate',
    password: 'hush',
    prefix: 'x:',
    tls: { ca: undefined },
  })
  const sentinel = { hosts: ['s1:26379', '[::1]:26380'], master: 'main', password }
  expect(redisOf({ sentinel, min_replicas_max_lag: '10s' })?.place).toMatchObject({
    topology: 'sentinel',
    sentinels: [
      { host: 's1', port: 26_379 },
      { host: '::1', port: 26_380 },
    ],
    password: 'hush',
    minReplicasMaxLagMs: 10_000,
  })
  expect(redisOf({ cluster: { hosts: ['c1:7000'] }, cluster_node_timeout: '5s' })?.place).toMatchObject({
    topology: 'cluster',
    nodeTimeoutMs: 5000,
  })
})

test.each<[object, string]>([
  [{}, 'GH_CONFIG_VALUE redis'],
  [{ url: 'redis://a', cluster: { hosts: ['c1:7000'] } }, 'GH_CONFIG_VALUE redis'],
  [{ url: 'redis://gate:hush@a' }, 'GH_CONFIG_VALUE redis.url'],
  [{ url: 'http://a' }, 'GH_CONFIG_VALUE redis.url'],
  [{ url: 'redis://a/x' }, 'GH_CONFIG_VALUE redis.url'],
  [{ url: 'redis://a?b' }, 'GH_CONFIG_VALUE redis.url'],
  [{ url: 'redis://a', username: 'gate' }, 'GH_CONFIG_MISSING redis.password'],
  [{ url: 'redis://a', password: { env: 'UNSET' } }, 'GH_CONFIG_SECRET redis.password'],
  [{ url: 'redis://a', password: 'hush' }, 'GH_CONFIG_SECRET_INLINE redis.password'],
  [{ url: 'redis://a', prefix: 'a{b}' }, 'GH_CONFIG_VALUE redis.prefix'],
  [{ url: 'redis://a', tls: { ca: '/none.pem' } }, 'GH_CONFIG_UNREADABLE redis.tls.ca'],
  [{ url: 'redis://a', tls: { cert: '/dev/null' } }, 'GH_CONFIG_MISSING redis.tls.key'],
  [{ url: 'unix:///a', tls: {} }, 'GH_CONFIG_VALUE redis.tls'],
  [{ url: 'redis://a', cluster_node_timeout: '5s' }, 'GH_CONFIG_VALUE redis.cluster_node_timeout'],
  [{ sentinel: { hosts: ['s1:1'], master: 'm' } }, 'GH_CONFIG_MISSING redis.min_replicas_max_lag'],
  [{ sentinel: { hosts: ['s1'], master: 'm' } }, 'GH_CONFIG_VALUE redis.sentinel.hosts[0]'],
  [{ cluster: { hosts: ['c1:7000'] } }, 'GH_CONFIG_MISSING redis.cluster_node_timeout'],
  [{ cluster: { hosts: ['c1:7000'] }, cluster_node_timeout: '10s' }, 'GH_CONFIG_VALUE revocation.max_staleness'],
])('the settings loader rejects the Redis settings %j with %s', (redis, expected) => {
  const problems = problemsOf({ file: { policy, redis } })

  expect(problems.map(({ code, path }) => `${code} ${path}`)).toContain(expected)
  expect(JSON.stringify(problems)).not.toContain('hush')
})

test.each([
  ['31 bytes', Buffer.alloc(31, 1).toString('base64url')],
  ['33 bytes', Buffer.alloc(33, 1).toString('base64url')],
  ['hexadecimal', 'ab'.repeat(32)],
  ['another text of the same bytes', `${Buffer.alloc(32, 1).toString('base64url')}=`],
  ['words', 'correct horse battery staple'],
])(
  'the settings loader rejects an encryption or policy key whose text is %s, and the error does not quote it',
  (_, secret) => {
    const list = [{ id: 'k', secret: { env: 'SEAL' } }]
    const file = { policy, keys: { encryption: list, policy: list } }
    const messages = problemsOf({ file, env: { SEAL: secret } })
      .map(({ path, message }) => `${path}: ${message}`)
      .join()

    expect(messages).toContain('keys.encryption[0].secret: must be 32 random bytes in base64url')
    expect(messages).toContain('keys.policy[0].secret: must be 32 random bytes in base64url')
    expect(messages).not.toContain(secret)
  },
)

test('the settings loader keeps the order of encryption keys and rejects a duplicate id', () => {
  const secret = Buffer.alloc(32, 7)
  const entry = { id: 'k', secret: { env: 'SEAL' } }
  const env = { SEAL: secret.toString('base64url') }

  expect(load({ file: { policy, keys: { encryption: [entry] } }, env }).keys.encryption).toEqual([{ id: 'k', secret }])
  expect(say({ file: { policy, keys: { encryption: [entry, entry] } }, env })).toEqual([
    'GH_CONFIG_VALUE keys.encryption[1].id',
  ])
})

test('the settings loader warns about a host of public_url that no TLS certificate covers', async () => {
  const { certFile, keyFile } = await certificateFor(root, 'api', ['api.example', '*.shop.example'])
  const file = {
    policy,
    public_url: ['https://api.example', 'https://eu.shop.example', 'https://a.eu.shop.example', 'https://192.0.2.1'],
    tls: { certificates: [{ cert: certFile, key: { file: keyFile } }] },
  }

  expect(load({ file }).warnings).toEqual([
    'no certificate in tls.certificates covers host a.eu.shop.example of public_url: its requests are rejected with 421',
  ])
})

test.each([
  [
    'proxy_protocol: required',
    { proxies: ['10.0.0.1'], proxy_protocol: 'required' },
    false,
    'GH_CONFIG_VALUE listen_h2',
  ],
  ['tls: true, but no certificates', {}, true, 'GH_CONFIG_MISSING tls.certificates'],
])('listen_h2 with %s is a settings error', (_, file, tls, problem) => {
  expect(say({ file: { policy, ...file, listen_h2: { address: '127.0.0.1:8443', tls } } })).toEqual([problem])
})

test.each([
  ['without an HTTP/2 listener that uses the certificates', undefined, {}],
  ['with an HTTP/2 listener without TLS', { address: '127.0.0.1:8443', tls: false }, {}],
])('tls.listen: false is a settings error %s', async (_, listen_h2, more) => {
  const { certFile, keyFile } = await certificateFor(root, 'api', ['api.example'])
  const tls = { certificates: [{ cert: certFile, key: { file: keyFile } }], listen: false, ...more }

  expect(say({ file: { policy, public_url: 'https://api.example', tls, ...(listen_h2 && { listen_h2 }) } })).toEqual([
    'GH_CONFIG_VALUE tls.listen',
  ])
})

test('with tls.listen: false, the listener `listen` does not use TLS', async () => {
  const { certFile, keyFile } = await certificateFor(root, 'api', ['api.example'])
  const tls = { certificates: [{ cert: certFile, key: { file: keyFile } }], listen: false }
  const settings = load({ file: { policy, tls, listen_h2: { address: '127.0.0.1:8443', tls: true } } })

  expect([settings.listenTls, settings.publicUrls, settings.certificates.length]).toEqual([
    false,
    ['http://127.0.0.1:8080'],
    1,
  ])
})

test('listen_h2.ext_authz without check.peers is a settings error', () => {
  const listen_h2 = { address: '127.0.0.1:8443', tls: false, ext_authz: true }

  expect(say({ file: { policy, listen_h2 } })).toEqual(['GH_CONFIG_MISSING check.peers'])
  expect(load({ file: { policy, listen_h2, check: { peers: ['10.1.7.5'] } } }).listenH2?.extAuthz).toBe(true)
})

test('listen_h2 on an address that is not loopback without public_url is a settings error', () => {
  const file = { policy, listen_h2: { address: ':8443', tls: false } }

  expect(say({ file })).toEqual(['GH_CONFIG_MISSING public_url'])
  expect(load({ file: { ...file, public_url: 'https://api.example' } }).listenH2).toEqual({
    host: undefined,
    port: 8443,
    tls: false,
    maxStreams: 100,
    maxSessions: 10_000,
    maxSessionsPerAddress: 100,
    maxAgeMs: 3_600_000,
    extAuthz: false,
  })
})
