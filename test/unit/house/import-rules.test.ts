import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cruise, getAvailableTranspilers, type ICruiseResult } from 'dependency-cruiser'
import readOptions from 'dependency-cruiser/config-utl/extract-depcruise-options'
import { afterAll, beforeAll, expect, test } from 'vitest'

// docs/design/architecture.md §2: rooms (folders of gateway/) have levels, imports go to lower levels only, and each
// dangerous package is used by one room. The rules in .dependency-cruiser.cjs run on a test tree, in which each file
// breaks named rules or none. `npm run check`, the first part of `npm test`, runs them on the source tree of the project.

const root = fileURLToPath(new URL('../../../', import.meta.url))
const folders = ['gateway', 'workers', 'deploy', 'bench', 'test']
const target = { config: 'gateway/config/a.ts', base: 'gateway/base/a.ts', demo: 'deploy/demo/a.ts' }

/**
 * For each file: the module that it imports and the rules that it breaks. A file whose name ends in -type imports
 * types.
 */
const offences: readonly [file: string, imports: string, ...rules: string[]][] = [
  ['gateway/base/up.ts', target.config, 'level-0-base'],
  ['gateway/base/up-type.ts', target.config, 'level-0-base'],
  ['gateway/x509/up.ts', target.config, 'level-0-x509'],
  ['gateway/oauth/aside.ts', target.config, 'level-1-oauth'],
  ['gateway/oauth/aside-type.ts', target.config, 'level-1-oauth'],
  ['gateway/ext-authz/aside.ts', target.config, 'level-1-ext-authz'],
  ['gateway/console/up-type.ts', 'gateway/admin/a.ts', 'level-1-console'],
  ['gateway/admin/rendering.ts', 'gateway/console/a.ts', 'console-is-for-browsers'],
  ['gateway/admin/reacting.ts', 'react', 'declared-packages', 'home-of-react'],
  ['gateway/admin/drawing.ts', 'uplot', 'declared-packages', 'home-of-uplot'],
  ['gateway/admin/mounting.ts', 'react-dom', 'declared-packages', 'home-of-react-dom'],
  ['gateway/admin/building.ts', 'vite', 'declared-packages', 'home-of-vite'],
  ['gateway/telemetry/up.ts', 'gateway/upstream/a.ts', 'level-1-telemetry'],
  ['gateway/config/aside.ts', 'gateway/redis/a.ts', 'level-1-config'],
  ['gateway/redis/up.ts', 'gateway/http/a.ts', 'level-1-redis'],
  ['gateway/issuers/aside.ts', 'gateway/upstream/a.ts', 'level-2-issuers'],
  ['gateway/upstream/up-type.ts', 'gateway/policy/a.ts', 'level-2-upstream'],
  ['gateway/queues/aside.ts', 'gateway/cluster/a.ts', 'level-2-queues'],
  ['gateway/cluster/up.ts', 'gateway/limits/a.ts', 'level-2-cluster'],
  ['gateway/traces/aside.ts', 'gateway/cluster/a.ts', 'level-2-traces'],
  ['gateway/probes/aside.ts', 'gateway/queues/a.ts', 'level-2-probes'],
  ['gateway/pages/aside.ts', 'gateway/queues/a.ts', 'level-2-pages'],
  ['gateway/overload/aside.ts', 'gateway/queues/a.ts', 'level-2-overload'],
  ['gateway/policy/aside-type.ts', 'gateway/tokens/a.ts', 'level-3-policy'],
  ['gateway/tokens/aside.ts', 'gateway/policy/a.ts', 'level-3-tokens'],
  ['gateway/revocation/up.ts', 'gateway/pipeline/a.ts', 'level-3-revocation'],
  ['gateway/limits/up-type.ts', 'gateway/pipeline/a.ts', 'level-3-limits'],
  ['gateway/sessions/up.ts', 'gateway/login/a.ts', 'level-3-sessions'],
  ['gateway/credentials/aside.ts', 'gateway/tokens/a.ts', 'level-3-credentials'],
  ['gateway/proofs/aside.ts', 'gateway/tokens/a.ts', 'level-3-proofs'],
  ['gateway/audit/aside.ts', 'gateway/limits/a.ts', 'level-3-audit'],
  ['gateway/keys/aside.ts', 'gateway/audit/a.ts', 'level-3-keys'],
  ['gateway/drains/aside.ts', 'gateway/keys/a.ts', 'level-3-drains'],
  ['gateway/revisions/up.ts', 'gateway/login/a.ts', 'level-4-revisions'],
  ['gateway/login/up.ts', 'gateway/pipeline/a.ts', 'level-5-login'],
  ['gateway/streams/aside.ts', 'gateway/login/a.ts', 'level-5-streams'],
  ['gateway/pipeline/up-type.ts', 'gateway/http/a.ts', 'level-6-pipeline'],
  ['gateway/explain/up.ts', 'gateway/admin/a.ts', 'level-7-explain'],
  ['gateway/doctor/up.ts', 'gateway/admin/a.ts', 'level-7-doctor'],
  ['gateway/http/aside.ts', 'gateway/admin/a.ts', 'level-8-http'],
  ['gateway/http2/aside.ts', 'gateway/http/a.ts', 'level-8-http2'],
  ['gateway/admin/up.ts', 'gateway/node.ts', 'level-8-admin'],
  ['gateway/main.ts', 'gateway/cli/a.ts', 'level-9-root'],
  ['gateway/cli/of-no-room.ts', 'gateway/helpers/a.ts', 'level-10-cli'],
  ['gateway/helpers/room.ts', target.base, 'known-rooms'],
  ['gateway/stray.ts', target.base, 'known-rooms'],
  ['workers/jobs/up-type.ts', 'gateway/pipeline/a.ts', 'workers-up-to-level-3'],
  ['workers/jobs/testing.ts', 'test/kit/a.ts', 'workers-stands-alone'],
  ['gateway/cli/working-type.ts', 'workers/jobs/a.ts', 'gateway-stands-alone'],
  ['gateway/cli/testing.ts', 'test/kit/a.ts', 'gateway-stands-alone'],
  ['gateway/cli/benching.ts', 'bench/a.ts', 'gateway-stands-alone'],
  ['gateway/cli/deploying.ts', target.demo, 'gateway-stands-alone'],
  ['deploy/demo/sharing-type.ts', 'gateway/oauth/a.ts', 'deploy-demo-stands-alone'],
  ['deploy/testing.ts', 'test/kit/a.ts', 'deploy-stands-alone'],
  ['bench/testing.ts', 'test/kit/a.ts', 'bench-stands-alone'],
  ['gateway/admin/listening.ts', 'uWebSockets.js', 'home-of-uWebSockets.js'],
  ['gateway/limits/storing-type.ts', 'ioredis', 'home-of-ioredis'],
  ['gateway/audit/enqueuing.ts', 'bullmq', 'home-of-bullmq'],
  ['gateway/tokens/fetching.ts', 'undici', 'home-of-undici'],
  ['gateway/oauth/providing.ts', 'oidc-provider', 'only-the-demo-has-an-issuer'],
  ['workers/jobs/fetching.ts', 'undici', 'home-of-undici'],
  ['gateway/upstream/fetching.ts', 'undici', 'home-of-undici'],
  ['gateway/pipeline/tracing-type.ts', '@opentelemetry/api', 'home-of-opentelemetry'],
  ['gateway/cli/signing.ts', 'jose', 'home-of-jose'],
  ['gateway/http/routing.ts', 'fastify', 'home-of-fastify'],
  ['gateway/http/describing-type.ts', '@fastify/swagger', 'home-of-fastify'],
  ['gateway/http/compiling.ts', 'fastify-type-provider-zod', 'home-of-fastify-type-provider-zod'],
  ['gateway/login/calling.ts', 'openid-client', 'home-of-openid-client'],
  ['gateway/base/packaged.ts', 'zod', 'base-is-pure'],
  ['gateway/base/reading.ts', 'node:fs/promises', 'base-and-oauth-do-no-io'],
  ['gateway/oauth/calling.ts', 'node:http', 'base-and-oauth-do-no-io'],
  ['gateway/policy/circle-a.ts', 'gateway/policy/circle-b-type.ts', 'no-cycles'],
  ['gateway/policy/lost.ts', 'gateway/policy/nowhere.ts', 'no-unresolved'],
  ['gateway/policy/developing.ts', 'vitest', 'declared-packages'],
  ['gateway/policy/undeclared.ts', 'left-pad', 'declared-packages'],
  ['deploy/demo/developing-type.ts', 'vitest', 'declared-packages'],
  ['bench/orphan.ts', '', 'no-orphans'],
  ['gateway/policy/only-tested.ts', target.base, 'no-shipped-file-unused'],
]

/** Files that break no import rule, with the module that each imports. */
const lawful: readonly [file: string, imports: string][] = [
  ['gateway/oauth/down-type.ts', target.base],
  ['gateway/tokens/down.ts', 'gateway/issuers/a.ts'],
  ['gateway/policy/circle-b-type.ts', 'gateway/policy/circle-a.ts'], // a circle is told once, of one of its files
  ['gateway/console/down.ts', target.base],
  ['gateway/console/showing.ts', 'react'],
  ['gateway/tokens/within.ts', 'gateway/tokens/a.ts'],
  ['gateway/node.ts', 'gateway/http/a.ts'],
  ['gateway/cli/gatehouse.mjs', 'gateway/cli/run.ts'],
  ['gateway/cli/run.ts', 'gateway/main.ts'],
  ['gateway/http/listening.ts', 'uWebSockets.js'],
  ['gateway/redis/connecting.ts', 'ioredis'],
  ['gateway/queues/enqueuing.ts', 'bullmq'],
  ['gateway/issuers/fetching.ts', 'undici'],
  ['gateway/telemetry/tracing.ts', '@opentelemetry/api'],
  ['gateway/config/reading.ts', 'node:fs/promises'],
  ['gateway/base/hashing.ts', 'node:crypto'],
  ['workers/jobs/down.ts', 'gateway/audit/a.ts'],
  ['gateway/config/sinks/fetching.ts', 'undici'],
  ['workers/main.ts', 'bullmq'],
  ['deploy/demo/signing.ts', 'jose'],
  ['deploy/demo/providing.ts', 'oidc-provider'],
  ['test/kit/testing.ts', 'vitest'],
  ['test/policy.test.ts', 'gateway/policy/only-tested.ts'],
]

const packages = [
  'uWebSockets.js',
  'ioredis',
  'bullmq',
  'undici',
  '@opentelemetry/api',
  'fastify',
  '@fastify/swagger',
  'fastify-type-provider-zod',
  'jose',
  'openid-client',
  'oidc-provider',
  'react',
  'react-dom',
  'uplot',
  'vite',
  'zod',
  'vitest',
  'left-pad',
]
const entries = new Set([
  'gateway/main.ts',
  'gateway/cli/gatehouse.mjs',
  'workers/main.ts',
  'gateway/policy/only-tested.ts',
])

let tree: string
/** Names of the import rules that each file breaks. */
let caught: ReadonlyMap<string, ReadonlySet<string>>

async function violations(baseDir: string, within: string[]): Promise<ICruiseResult['summary']['violations']> {
  const { output } = await cruise(within, { ...(await readOptions(join(root, '.dependency-cruiser.cjs'))), baseDir })
  if (typeof output === 'string') throw new Error('dependency-cruiser gave text where an object was due')
  return output.summary.violations
}

async function put(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(tree, file)), { recursive: true })
  await writeFile(join(tree, file), text)
}

const isFile = (name: string) => folders.some((folder) => name.startsWith(`${folder}/`))
const specifier = (from: string, to: string) => (isFile(to) ? `${'../'.repeat(from.split('/').length - 1)}${to}` : to)

function importing(file: string, imports: string): string {
  if (imports === '') return ''
  return file.endsWith('-type.ts')
    ? `import type { A } from '${specifier(file, imports)}'\nexport type B = A\n`
    : `import { a } from '${specifier(file, imports)}'\nexport const b = a\n`
}

beforeAll(async () => {
  tree = await realpath(await mkdtemp(join(tmpdir(), 'import-rules-')))
  const files = [...offences, ...lawful].map(([file, imports]) => [file, imports] as const)

  for (const [file, imports] of files) await put(file, importing(file, imports))
  const own = new Set(files.map(([file]) => file))
  for (const [, imports] of files) {
    if (isFile(imports) && !own.has(imports) && !imports.endsWith('nowhere.ts'))
      await put(imports, 'export const a = 1\n')
  }
  // This file imports all other files: otherwise each shipped file would also be reported as unused.
  const used = [...own].filter((file) => /^(gateway|workers)\//.test(file) && !entries.has(file))
  await put('deploy/user.ts', used.map((file) => `import '../${file}'\n`).join(''))

  for (const name of packages) {
    await put(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }))
    await put(`node_modules/${name}/index.js`, 'exports.a = 1\n')
  }
  const listed = packages.filter(
    (name) => !['vitest', 'left-pad', 'oidc-provider', 'react', 'react-dom', 'uplot', 'vite'].includes(name),
  )
  const dependencies = Object.fromEntries(listed.map((name) => [name, '1.0.0']))
  await put('package.json', JSON.stringify({ type: 'module', dependencies, devDependencies: { vitest: '1.0.0' } }))

  const byFile = new Map<string, Set<string>>()
  for (const { from, rule } of await violations(tree, folders)) {
    byFile.set(from, (byFile.get(from) ?? new Set()).add(rule.name))
  }
  caught = byFile
})

afterAll(() => rm(tree, { recursive: true, force: true }))

test('the import check (dependency-cruiser) can parse TypeScript with the installed compiler', () => {
  const typescript = getAvailableTranspilers().find(({ name }) => name === 'typescript')

  expect(typescript).toMatchObject({ available: true })
})

test.each(offences)(
  'the import check reports the file %s, which imports "%s", for the rule %s',
  (file, _imports, ...rules) => {
    expect([...(caught.get(file) ?? [])]).toEqual(rules)
  },
)

test.each(lawful)('the import rules allow the file %s to import %s', (file) => {
  expect([...(caught.get(file) ?? [])]).toEqual([])
})

test('every import rule has a test file that breaks it', async () => {
  const { ruleSet } = await readOptions(join(root, '.dependency-cruiser.cjs'))
  const names = ruleSet?.forbidden?.map(({ name }) => name) ?? []

  expect(new Set(names)).toEqual(new Set(offences.flatMap(([, , ...rules]) => rules)))
})
