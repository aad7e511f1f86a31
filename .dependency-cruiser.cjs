/**
 * The import rules: what a file may know of the others. Checked type-only imports included, by `npm run check`;
 * `test/unit/house/import-rules.test.ts` proves that each rule bites.
 *
 * dependency-cruiser reads TypeScript only with a `typescript` below 7 installed beside it. With another it warns,
 * misses edges and passes everything, so that test fails first.
 */

/** The rooms of gateway/, lowest level first. A room imports lower levels only: never its own level, never upwards. */
const levels = [
  ['base', 'x509'],
  // The console is compiled for browsers.
  ['config', 'telemetry', 'redis', 'oauth', 'ext-authz', 'console'],
  ['issuers', 'upstream', 'queues', 'cluster', 'traces', 'probes', 'pages', 'overload'],
  ['policy', 'tokens', 'revocation', 'limits', 'sessions', 'credentials', 'proofs', 'audit', 'keys', 'drains'],
  ['revisions'],
  ['login', 'streams'],
  ['pipeline'],
  ['explain', 'doctor'],
  ['http', 'http2', 'admin'],
  ['root'],
  ['cli'],
]

/** The composition root and its helpers, and the process: one room. */
const rootFiles =
  '^gateway/(check-start|node|node-cluster|node-policy|node-reload|port|quiet|policy-needs|policy-switch|follow-policy|main)[.]ts$'

/** Workers use rooms up to this level. */
const workerLevel = 4

/** What a top-level folder must not import. What ships is gateway/, workers/ and deploy/. */
const strangers = {
  gateway: ['workers', 'deploy', 'bench', 'test'],
  workers: ['deploy', 'bench', 'test'],
  // The demo issuer shares no code with the gate: a shared bug would agree with itself.
  'deploy/demo': ['gateway', 'workers', 'bench', 'test'],
  deploy: ['bench', 'test'],
  bench: ['test'],
}

/** Packages that only these rooms of what ships may touch; a trailing slash means a whole scope. */
const homes = {
  'uWebSockets.js': ['gateway/http'],
  ioredis: ['gateway/redis'],
  bullmq: ['gateway/queues', 'workers'],
  undici: ['gateway/issuers', 'gateway/config/sinks'],
  'openid-client': ['gateway/issuers', 'deploy/demo'],
  '@opentelemetry/': ['gateway/telemetry'],
  fastify: ['gateway/admin'],
  'fastify-type-provider-zod': ['gateway/admin'],
  '@fastify/': ['gateway/admin'],
  react: ['gateway/console'],
  'react-dom': ['gateway/console'],
  uplot: ['gateway/console'],
  vite: ['gateway/console'],
  jose: ['gateway/oauth', 'gateway/issuers', 'gateway/tokens', 'gateway/credentials', 'deploy/demo'],
}

/** Files that nothing imports, because a person or a process starts them. */
const entries = [
  'gateway/cli/gatehouse[.]mjs',
  'gateway/main[.]ts',
  'gateway/console/main[.]tsx',
  'gateway/console/build[.]mjs',
  'workers/main[.]ts',
]

const shipped = '^(gateway|workers|deploy)/'
const outside = '^(fs|net|tls|dgram|dns|http|https|http2|child_process|cluster|worker_threads|sqlite)(/|$)'

const escaped = (text) => text.replaceAll(/[.@/]/g, '[$&]')
const room = (name) => (name === 'root' ? rootFiles : `^gateway/${name}/`)
const rooms = (from, to) => levels.slice(from, to).flat().map(room)
/** Where a package resolves to: installed, by its types alone, or not at all. */
const resolved = (name) =>
  ['^node_modules/', '^node_modules/@types/', '^'].map((at) => at + escaped(name) + (name.endsWith('/') ? '' : '(/|$)'))
const forbid = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to })

const levelRules = levels.flatMap((names, level) =>
  names.map((name) =>
    forbid(
      `level-${level}-${name}`,
      `a room of level ${level} imports itself and levels below ${level}, nothing else of gateway/`,
      { path: room(name) },
      { path: '^gateway/', pathNot: [room(name), ...rooms(0, level)] },
    ),
  ),
)

const strangerRules = Object.entries(strangers).map(([folder, others]) =>
  forbid(
    `${folder.replace('/', '-')}-stands-alone`,
    `${folder}/ imports nothing from ${others.join('/, ')}/`,
    { path: `^${folder}/` },
    { path: `^(${others.join('|')})/` },
  ),
)

const homeRules = Object.entries(homes).map(([name, folders]) =>
  forbid(
    `home-of-${name.replaceAll(/[@/]/g, '')}`,
    `${name} is touched in ${folders.join(', ')} only`,
    { path: shipped, pathNot: folders.map((folder) => `^${folder}/`) },
    { path: resolved(name) },
  ),
)

module.exports = {
  forbidden: [
    ...levelRules,
    ...strangerRules,
    ...homeRules,
    forbid(
      'workers-up-to-level-3',
      `workers use rooms up to level ${workerLevel}`,
      { path: '^workers/' },
      { path: '^gateway/', pathNot: rooms(0, workerLevel + 1) },
    ),
    forbid(
      'console-is-for-browsers',
      'the console is compiled for browsers: nodes and workers serve its built files and import none of its sources',
      { path: '^(gateway|workers)/', pathNot: '^gateway/console/' },
      { path: '^gateway/console/' },
    ),
    forbid(
      'known-rooms',
      'a new room of gateway/ gets a level in this file before it gets imports',
      { path: '^gateway/', pathNot: rooms(0) },
      {},
    ),
    forbid('base-is-pure', 'base/ knows no package', { path: room('base') }, { path: 'node_modules/' }),
    forbid(
      'base-and-oauth-do-no-io',
      'base/ is pure, oauth/ is the protocol as pure functions: no sockets, files or processes',
      { path: [room('base'), room('oauth')] },
      { path: outside, dependencyTypes: ['core'] },
    ),
    forbid('no-cycles', 'no file leads back to itself, by types neither', {}, { circular: true }),
    forbid('no-unresolved', 'every import can be found', {}, { couldNotResolve: true }),
    forbid(
      'declared-packages',
      'what ships imports only what package.json lists for those who install it',
      // `npm run docs` runs in a checkout, and Vite compiles the console.
      { path: shipped, pathNot: '^(deploy/docs|gateway/console)/' },
      // The demo installs it by itself: deploy/demo/install-provider.ts.
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: '^node_modules/oidc-provider/' },
    ),
    forbid(
      'only-the-demo-has-an-issuer',
      'oidc-provider is no dependency of what runs in production',
      { path: '^(gateway|workers|bench)/|^deploy/(?!demo/)' },
      { path: '^node_modules/oidc-provider/' },
    ),
    forbid('no-orphans', 'a file that nothing leads to or from is dead', { orphan: true, pathNot: '[.]d[.]m?ts$' }, {}),
    {
      name: 'no-shipped-file-unused',
      severity: 'error',
      comment: 'what only its own test imports is dead too',
      module: {
        path: '^(gateway|workers)/',
        // The compiler reads a declaration of types beside its .mjs file without an import.
        pathNot: [...entries.map((entry) => `^${entry}$`), '[.]d[.]mts$'],
        numberOfDependentsLessThan: 1,
      },
      from: { path: shipped },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^gateway/console/dist' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'require', 'default', 'types'],
    },
  },
}
