import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { formatImportNote } from '../../../gateway/cli/import/import-note.ts'
import { importOAuth2Proxy } from '../../../gateway/cli/import/oauth2-proxy/import-oauth2-proxy.ts'
import { proxyOptions } from '../../../gateway/cli/import/oauth2-proxy/proxy-options.ts'
import { loadSettings } from '../../../gateway/config/settings.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { readPolicy } from '../../../gateway/policy/policy-source.ts'
import { weakerRoutes } from '../../../gateway/policy/weaker-routes.ts'
import { documentedOptions } from './imports/documented-options.ts'

interface Made {
  readonly issuers: Readonly<Record<string, { issuer: string; audience: string[]; login: Record<string, unknown> }>>
  readonly services: Readonly<
    Record<
      string,
      { routes: { id: string; match: { path: string; methods?: string[] }; require: unknown; rewrite?: unknown }[] }
    >
  >
}

/** Imports texts, and compiles the policy as `gatehouse check` does. */
function importedTexts(texts: readonly string[], issuer?: string) {
  const files = texts.map((text, i) => ({ file: `file-${i + 1}`, bytes: Buffer.from(text) }))
  const { policy, settings, notes } = importOAuth2Proxy(files, issuer)
  const source = readPolicy([{ file: 'policy.yaml', bytes: Buffer.from(stringify(policy)) }])
  const compiled = compilePolicy(source)
  const made = policy as Made
  return {
    made,
    settings,
    notes: notes.map(formatImportNote),
    compiled,
    weaker: weakerRoutes(source, compiled),
    routes: Object.values(made.services).flatMap((each) => each.routes),
  }
}

const published = (name: string) => readFileSync(new URL(`./imports/${name}`, import.meta.url), 'utf8')

const base =
  'client_id="web"\noidc_issuer_url="https://idp.test"\nprovider="oidc"\nemail_domains=["*"]\nupstreams=["http://app/"]\n'
const verified = { not: { claims: { email_verified: { any: [false] } } } }

test('the import of an oauth2-proxy config file gives an issuer with login, a service and settings, and a note for every option', () => {
  const { made, settings, notes, routes } = importedTexts([published('keycloak.cfg')])

  expect(made.issuers['main']).toEqual({
    issuer: 'https://keycloak.localtest.me:9080/realms/oauth2-proxy',
    audience: ['oauth2-proxy'],
    login: {
      scopes: ['openid', 'email', 'profile'],
      client_id: 'oauth2-proxy',
      client_secret: { file: 'client-secret' },
    },
  })
  expect(routes).toEqual([
    {
      id: 'all',
      match: { path: '/**' },
      require: { all: [{ session: 'main' }, { email: { domain: ['example.com'] } }] },
      websocket: {},
    },
  ])
  expect(settings).toMatchObject({ listen: '0.0.0.0:4180', public_url: 'https://oauth2-proxy.localtest.me:4180' })
  expect(notes).toHaveLength(13)
  expect(notes[2]).toMatch(/^file-1:4:1: email_domains: decide: /)
})

test('the import of an oauth2-proxy with a static upstream gives a policy for forward authentication, and a note that names check.peers', () => {
  const { settings, notes, routes } = importedTexts([published('nginx.cfg')])

  expect(routes.map(({ require }) => require)).toEqual([{ all: [{ session: 'main' }, verified] }])
  expect(settings).toMatchObject({ check: { peers: ['127.0.0.1'] } })
  expect(notes.join('\n')).toMatch(/upstreams: decide: .*check\.peers/)
})

test('the import of an oauth2-proxy alpha config with its config file gives routes with rewrites, and notes name the fields without an equivalent', () => {
  const { made, notes, routes } = importedTexts(['email_domains="*"\n', published('alpha.yaml')])

  expect(made.issuers['main']!.login['client_secret']).toEqual({ env: 'CLIENT_SECRET' })
  expect(routes.map(({ match, rewrite }) => [match.path, rewrite])).toEqual([
    ['/**', undefined],
    ['/baz/**', { strip_prefix: '/baz', add_prefix: '/foo' }],
  ])
  expect(routes[0]!.require).toEqual({
    all: [{ session: 'main' }, verified, { claims: { roles: { any: ['staff'] } } }],
  })
  expect(notes.join('\n')).toMatch(/providers\[0\]\.additionalClaims: no equivalent/)
  expect(notes.join('\n')).toMatch(/injectRequestHeaders\[0\]: no equivalent: X-Api-Key: /)
})

test('the import of oauth2-proxy environment variables gives routes; a provider without OpenID Connect needs --issuer', () => {
  const text = published('oauth2-proxy.env')
  const { made, routes } = importedTexts([text], 'https://dex.test')

  expect(made.issuers['main']).toMatchObject({
    issuer: 'https://dex.test',
    login: { client_secret: { env: 'OAUTH2_PROXY_CLIENT_SECRET' } },
  })
  expect(made.issuers['main']!.login['scopes']).toEqual(['openid', 'email', 'profile', 'groups'])
  expect(made.issuers['main']!.login['session']).toEqual({ idle: '90m', absolute: '90m' })
  expect(
    routes.map(({ match, require }) => [match.path, match.methods?.join() ?? 'all', require === 'public']),
  ).toEqual([
    ['/**', 'all', false],
    ['/api/**', 'all', false],
    ['/api/status', 'GET', true],
    ['/api/status', 'POST,PUT,PATCH,DELETE,OPTIONS', false],
    ['/api/hooks/**', 'POST', true],
    ['/api/hooks/**', 'GET,HEAD,PUT,PATCH,DELETE,OPTIONS', false],
    ['/api/hooks', 'all', false],
  ])
  expect(() => importedTexts([text])).toThrow(/have no issuer URL for provider github/)
})

test('the import of oauth2-proxy reads flags from a script, also flags that are repeated, quoted or separated from their value by a blank', () => {
  const { made, routes } = importedTexts([
    `oauth2-proxy --provider=google --client-id web \\\n  '--email-domain=acme.test' --email-domain "acme.example" --upstream=http://a/ --upstream=http://b/b/ \\\n  --skip-provider-button --scope "openid email"\n`,
  ])

  expect(made.issuers['main']).toMatchObject({
    issuer: 'https://accounts.google.com',
    login: {
      client_id: 'web',
      scopes: ['openid', 'email'],
      prompt: 'consent',
      parameters: { access_type: 'offline' },
    },
  })
  expect(Object.keys(made.services)).toEqual(['a', 'b'])
  expect(routes[0]!.require).toEqual({
    all: [{ session: 'main' }, { email: { domain: ['acme.test', 'acme.example'] } }],
  })
})

test('the import of oauth2-proxy copies no secret of a file into the policy, the settings or the notes', () => {
  const texts = [
    published('keycloak.cfg'),
    published('oauth2-proxy.env'),
    'redis_password="a-redis-secret"\njwt_key="a-jwt-secret"\nredis_connection_url="redis://u:a-url-secret@r:1"\nbasic_auth_password="a-basic-secret"\nsignature_key="sha1:a-signature-secret"\n',
    published('alpha.yaml'),
  ]
  const { made, settings, notes } = importedTexts(texts, 'https://dex.test')

  expect(JSON.stringify([made, settings, notes])).not.toMatch(/a-[a-z-]*secret|YS1oZWFkZXI/)
})

test('the import table has one line for each option in the documentation of oauth2-proxy', () => {
  expect(documentedOptions.filter((key) => !Object.hasOwn(proxyOptions, key))).toEqual([])
})

test.each([
  {
    stated: 'allowed_groups=["a"]\nallowed_roles=["b"]',
    require: [{ any: [{ claims: { groups: { any: ['a'] } } }, { claims: { 'realm_access.roles': { any: ['b'] } } }] }],
  },
  {
    stated: 'github_org="acme"\ngithub_team="ops,other:dev"',
    require: [{ claims: { groups: { any: ['acme'] } } }, { claims: { groups: { any: ['acme:ops', 'other:dev'] } } }],
  },
  { stated: 'gitlab_projects=["a/b"]', require: [{ claims: { groups_direct: { any: ['a/b'] } } }] },
  { stated: 'entra_id_allowed_tenants=["t"]', require: [{ claims: { tid: { any: ['t'] } } }] },
  { stated: 'acr_values="strong"', require: [{ acr: ['strong'] }] },
])('the import turns the oauth2-proxy restriction $stated into a requirement of the routes', ({ stated, require }) => {
  const { routes } = importedTexts([`${base}${stated}\n`])

  expect(routes[0]!.require).toEqual({ all: [{ session: 'main' }, verified, ...require] })
})

test('the import of oauth2-proxy requires one of the addresses in authenticated_emails_file; if the file is missing, no user is admitted', () => {
  const folder = mkdtempSync(join(tmpdir(), 'import-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'emails'), '# staff\na@acme.test\nb@acme.test\n')
  const required = (name: string) => {
    const stated = `authenticated_emails_file=${JSON.stringify(join(folder, name))}\n`
    return importedTexts([base.replace('email_domains=["*"]\n', stated)]).routes[0]!.require
  }

  expect(required('emails')).toEqual({
    all: [{ session: 'main' }, { email: { addresses: { file: join(folder, 'emails') } } }],
  })
  expect(required('missing')).toEqual({
    all: [{ session: 'main' }, { email: { domain: ['none.invalid'] } }],
  })
})

const hosts = (redirect: string, cookies: string[], returning: string[]) =>
  `${base}redirect_url=${JSON.stringify(redirect)}\ncookie_domains=${JSON.stringify(cookies)}\nwhitelist_domains=${JSON.stringify(returning)}\n`

test.each([
  {
    stated: hosts('https://auth.acme.test/oauth2/callback', ['.acme.test'], ['shop.acme.test', 'wiki.acme.test:8443']),
    login: { host: 'auth.acme.test', return_to: ['shop.acme.test', 'wiki.acme.test'] },
    public_url: ['https://auth.acme.test', 'https://shop.acme.test', 'https://wiki.acme.test:8443'],
    routes: ['auth.acme.test', 'shop.acme.test', 'wiki.acme.test'],
    outcome: 'mapped',
  },
  {
    stated: hosts('https://auth.acme.test/oauth2/callback', ['acme.test'], ['.acme.test', '*.eu.acme.test']),
    login: { host: 'auth.acme.test', return_to: ['*.acme.test', '*.eu.acme.test'] },
    public_url: ['https://auth.acme.test', 'https://*.acme.test', 'https://*.eu.acme.test'],
    routes: ['*.acme.test', '*.eu.acme.test'],
    outcome: 'decide',
  },
])(
  'the import of oauth2-proxy cookie_domains that cover every host gives one login for several hosts: $login',
  (expected) => {
    const { made, settings, notes, routes } = importedTexts([expected.stated])

    expect(made.issuers['main']!.login).toMatchObject(expected.login)
    expect(settings).toMatchObject({ public_url: expected.public_url })
    expect(routes.map(({ match }) => (match as { host?: string }).host)).toEqual(expected.routes)
    expect(notes.join('\n')).toMatch(new RegExp(`whitelist_domains: ${expected.outcome}: `))
  },
)

test.each([
  ['static://202', ['auth.acme.test', 'shop.acme.test', 'wiki.acme.test']],
  ['http://app/', ['app']],
])(
  'the policy imported for several hosts with the upstream %s has the services %j, and no route is weaker than another',
  (upstream, services) => {
    const stated = hosts('https://auth.acme.test/oauth2/callback', ['acme.test'], ['shop.acme.test', 'wiki.acme.test'])
    const text = `${stated.replace('http://app/', upstream)}skip_auth_routes=["GET=^/healthz$", "^/static/"]\n`

    const { made, weaker } = importedTexts([text])

    expect(Object.keys(made.services)).toEqual(services)
    expect(weaker).toEqual([])
  },
)

test('an import names the redirect and post-logout URIs to register, and the proxies that ask', () => {
  const { notes, settings } = importedTexts([
    `${base.replace('http://app/', 'static://202')}redirect_url="https://a.test/oauth2/callback"\n`,
  ])

  const uris =
    /https:\/\/a\.test\/\.gatehouse\/callback and https:\/\/a\.test\/oauth2\/callback as redirect URIs .* https:\/\/a\.test\/\.gatehouse\/logout as post-logout/
  expect(notes.join('\n')).toMatch(uris)
  expect(notes.join('\n')).toMatch(/upstreams: decide: .*check\.peers of the settings is 127\.0\.0\.1: list/)
  expect(settings).toMatchObject({ check: { peers: ['127.0.0.1'] } })
})

test.each([
  ['a host that no cookie domain covers', ['.acme.test'], ['shop.other.test']],
  ['no cookie domain that covers the redirect URI', ['.shop.acme.test'], ['a.shop.acme.test']],
  ['any port of a host', ['.acme.test'], ['shop.acme.test:*']],
  ['a top-level domain', ['test'], ['.test']],
  ['an address', ['.acme.test'], ['192.0.2.1']],
])(
  'the import of oauth2-proxy options with %s gives every host its own login, and a note says how to share the login',
  (_, cookies, returning) => {
    const { made, notes, routes } = importedTexts([hosts('https://auth.acme.test/oauth2/callback', cookies, returning)])

    expect(made.issuers['main']!.login).not.toHaveProperty('host')
    expect(routes.map(({ match }) => match)).toEqual([{ path: '/**' }])
    expect(notes.join('\n')).toMatch(/whitelist_domains: no equivalent: .*login\.return_to/)
  },
)

test.each([
  [
    '',
    {
      user: 'X-Forwarded-User',
      email: 'X-Forwarded-Email',
      preferred_username: 'X-Forwarded-Preferred-Username',
      groups: 'X-Forwarded-Groups',
    },
  ],
  ['pass_user_headers=false', undefined],
  [
    'prefer_email_to_user=true\noidc_groups_claim="roles"',
    expect.objectContaining({ user: 'X-Forwarded-User', claims: { user: 'email', groups: 'roles' } }),
  ],
])(
  'after an import, a service gets the same fields about the user as from oauth2-proxy with the option "%s"',
  (stated, fields) => {
    const { made } = importedTexts([`${base}${stated}\n`])

    expect(made.services['app']).toMatchObject(fields === undefined ? {} : { auth_request_headers: fields })
    expect('auth_request_headers' in made.services['app']!).toBe(fields !== undefined)
  },
)

test.each([
  ['http://app.test:3000/', /set_xauthrequest: decide: .*set it to true/],
  ['static://202', /set_xauthrequest: mapped: services: auth_request_headers/],
])('the import of set_xauthrequest with the upstream %s says which fields a check replies with', (upstream, note) => {
  const { notes } = importedTexts([
    `${base.replace(/^upstreams.*$/m, '')}upstreams = ["${upstream}"]\nset_xauthrequest = true\n`,
  ])

  expect(notes.join('\n')).toMatch(note)
})

test('an unknown option in an imported oauth2-proxy file is named in a note', () => {
  const { notes } = importedTexts([`${base}no_such_option = 1\ntoString = "x"\n`])

  expect(notes.filter((note) => note.includes('is no option of oauth2-proxy'))).toHaveLength(2)
})

const paths = [
  '/',
  '/docs',
  '/docs/',
  '/docs/a',
  '/docs/a/b',
  '/docsx',
  '/a/docs',
  '/x/7/y',
  '/x/7/8/y',
  '/x.html',
  '/v1.0/a',
  '/v1x0/a',
  '/inner',
  '/inner/docs',
]

test.each([
  '^/docs',
  '^/docs$',
  '^/docs/',
  '^/docs/$',
  '^/docs/?$',
  '^/docs/.*$',
  '^/docs/(.*)',
  '/docs',
  'docs',
  '^/x/[^/]+/y$',
  '^/v1\\.0/',
  '^/v1.0/',
  '^/(docs|inner)$',
  '\\.html$',
  '^/',
  '^/$',
  '.*',
  '^/inner',
  'GET=^/docs/',
  'POST!=^/docs/',
  '!=^/docs/',
  'TRACE=^/docs',
])('the import of oauth2-proxy skip_auth_routes = %j makes no request public that oauth2-proxy protects', (entry) => {
  const { compiled } = importedTexts([
    `${base.replace('["http://app/"]', '["http://app/", "http://b/inner/"]')}skip_auth_routes = [${JSON.stringify(entry)}]\n`,
  ])
  const [, method, negated, expression = ''] = /^(?:([A-Z]+)(?=!?=))?(?:(!)?=)?(.*)$/.exec(entry) ?? []
  const skipped = (verb: string, path: string) =>
    (method === undefined || method === verb) && new RegExp(expression).test(path) !== (negated !== undefined)
  const wrong = paths.flatMap((path) =>
    ['GET', 'POST'].filter((verb) => {
      const route = compiled.match('app.test', path, verb)
      return !('reason' in route) && route.requirement === undefined && !skipped(verb, path)
    }),
  )

  expect(wrong).toEqual([])
})

test.each([
  { title: 'no server', stated: '', redis: { url: 'redis://127.0.0.1:6379' } },
  { title: 'one server', stated: 'redis_connection_url="redis://u:p@r:6380"', redis: { url: 'redis://r:6380' } },
  {
    title: 'sentinels',
    stated:
      'redis_sentinel_connection_urls=["redis://s1:26379"]\nredis_sentinel_master_name="m"\nredis_connection_url="redis://r"',
    redis: { sentinel: { hosts: ['s1:26379'], master: 'm' }, min_replicas_max_lag: '10s' },
  },
  {
    title: 'a cluster and a password',
    stated: 'redis_cluster_connection_urls=["redis://a:6379"]\nredis_password="p"',
    redis: { cluster: { hosts: ['a:6379'] }, cluster_node_timeout: '15s', password: { file: 'redis-password' } },
  },
])('the imported settings of an oauth2-proxy with $title are complete and valid', ({ stated, redis }) => {
  const folder = mkdtempSync(join(tmpdir(), 'import-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const more =
    'redirect_url="https://app.test/oauth2/callback"\nhttp_address=":4180"\nreverse_proxy=true\ntrusted_proxy_ips=["10.0.0.0/8"]\nmetrics_address="127.0.0.1:9100"\n'
  const { settings } = importedTexts([`${base}${more}${stated}\n`])
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 })
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  write('assertion.jwk', JSON.stringify(privateKey.export({ format: 'jwk' })))
  write('encryption-key', randomBytes(32).toString('base64url'))
  write('redis-password', 'p')
  write('gatehouse.yaml', stringify(settings))

  expect(settings).toMatchObject({ redis, proxies: ['10.0.0.0/8'], probes: { listen: '127.0.0.1:9100' } })
  expect(() => loadSettings({ path: join(folder, 'gatehouse.yaml'), env: {}, flags: {} })).not.toThrow()
})

test.each([
  { title: 'no client id', text: base.replace('client_id="web"\n', ''), error: /do not state client_id/ },
  {
    title: 'no condition on the address of e-mail',
    text: base.replace('email_domains=["*"]\n', ''),
    error: /do not state email_domains/,
  },
  {
    title: 'only a file as upstream',
    text: base.replace('http://app/', 'file:///www/'),
    error: /an http or https upstream/,
  },
  { title: 'a syntax error', text: `${base}x = [1`, error: /file-1:6:\d+: document is neither TOML/ },
  { title: 'no options', text: '', error: /contains no options of oauth2-proxy/ },
])('the import of oauth2-proxy files with $title is refused, and the error names the remedy', ({ text, error }) => {
  expect(() => importedTexts([text])).toThrow(error)
})
