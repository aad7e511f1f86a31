// Sets up a checkout, then runs a verb in it. Plain JavaScript for Node 20 or later with only Node's own modules, because
// it runs before any package is installed. The verbs run on the Node 24 in node_modules.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { keepCompiled } from '../gateway/cli/compile-cache.mjs'
import { hasChromium, installChromium } from './chromium.mjs'
import { buildConsole, consoleBuilt } from './console.mjs'
import { hasApt, PackageLists } from './debian.mjs'
import { takeLock } from './file-lock.mjs'
import { installPackages, linkNode, nodeLinked, packagesInstalled } from './packages.mjs'
import { withProgress } from './progress.mjs'
import { packageName, redisOnPath, unpackedRedis } from './redis.mjs'
import { installRedis } from './redis-install.mjs'
import { runChild } from './run-child.mjs'
import { runTogether } from './run-together.mjs'
import { nodeRuntime } from './runtime.mjs'
import { caddy, haproxy, nginx, prometheus, promtool } from './server-program.mjs'

const root = join(import.meta.dirname, '..')

const usage = `usage: node deploy/setup.mjs [VERB …]

  (none)          set up: packages, Node 24, the console, Redis, nginx, HAProxy, Caddy, Prometheus, Chromium
  gatehouse …     the gatehouse command line
  bench …         the bench suite
  test:chaos …    the chaos matrix: faults of every part under load, and invariants after each
  check           types, lint, import rules, commit subjects, idioms
  fix             formats the sources and applies safe lint fixes
  dev             one node with a small policy, restarted when a source file changes
  docs            writes the pages of docs/ that are generated from sources and stored benchmark runs
  docs:site …     builds the documentation as a static site with search; --try searches it in Chromium
  release         builds npm package, chart, image context, SBOM and checksums; --check installs the package and tries it
  test [ARGS …]   check, then all tests; with ARGS only vitest with ARGS
  watch [ARGS …]  runs tests again whenever a file that they import changes
  mutants [ARGS …]  removes one check of the gate at a time, and expects a test to fail`

const biome = 'node_modules/@biomejs/biome/bin/biome'
const vitest = 'node_modules/vitest/vitest.mjs'

/**
 * Returns the steps of each verb. A step is a command, or a list of commands that run at the same time. The first step
 * that fails ends the verb with its exit code.
 */
const verbs = {
  gatehouse: (words) => [[join('gateway', 'cli', 'gatehouse.mjs'), ...words]],
  bench: (words) => verbs.gatehouse(['bench', ...words]),
  chaos: (words) => [['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/chaos/vitest.config.ts', ...words]],
  'test:chaos': (words) => [['test/chaos/main.ts', ...words]],
  check: () => [checks()],
  dev: () => [['deploy/dev/main.ts']],
  docs: () => [['deploy/docs/generate.ts'], ['bench/docs/generate.ts']],
  'docs:site': (words) => docsSite(words),
  fix: () => [[biome, 'check', '--write', '.']],
  test: (words) => [...(words.length === 0 ? [checks()] : []), ['test/run.ts', ...words]],
  release: (words) => [['deploy/release/main.ts', ...words]],
  watch: (words) => [[vitest, 'watch', ...words]],
  mutants: (words) => [['test/regression/mutants.ts', ...words]],
}

function docsSite(words) {
  const options = words.filter((word) => word !== '--try')
  const attempt = words.includes('--try') ? [['test/docs-site/try-search.ts', ...options]] : []
  return [['deploy/site/build.ts', ...options], ...attempt]
}

function checks() {
  const rooms = ['gateway', 'workers', 'bench', 'deploy', 'test'].filter((room) => existsSync(join(root, room)))
  return [
    typeCheck('.', 'types'),
    typeCheck('gateway/console', 'console-types'),
    [biome, 'ci', '.'],
    ['node_modules/dependency-cruiser/bin/dependency-cruiser.mjs', '--config', '.dependency-cruiser.cjs', ...rooms],
    ['deploy/commit-subjects.mjs'],
    ['deploy/prose/check.ts'],
  ]
}

/** An incremental type check. Git ignores the folder of its state. */
function typeCheck(project, state) {
  const file = join('.gatehouse', 'cache', `${state}.tsbuildinfo`)
  return ['node_modules/typescript/bin/tsc', '-p', project, '--noEmit', '--incremental', '--tsBuildInfoFile', file]
}

/** Servers that a verb needs in addition to packages and Redis. */
function serversFor(verb) {
  if (verb === 'bench') return { nginx, HAProxy: haproxy }
  return runsTests.has(verb) ? { nginx, HAProxy: haproxy, Caddy: caddy, Prometheus: prometheus, promtool } : {}
}

/** Verbs that need all servers and a browser. `undefined` is the plain `npm run setup`, which installs everything. */
const runsTests = new Set([undefined, 'test', 'watch', 'mutants'])

async function setUp(verb) {
  const servers = Object.entries(serversFor(verb)).filter(([, server]) => server.look() === undefined)
  const chromiumMissing = runsTests.has(verb) && !hasChromium()
  const ready = packagesInstalled(root) && nodeLinked(root) && consoleBuilt(root)
  if (ready && !redisMissing() && servers.length === 0 && !chromiumMissing) return
  refuseWithoutApt(servers.map(([name]) => name))
  const lock = await waitForLock(join(root, '.gatehouse', 'setup.lock'))
  try {
    // npm mostly waits for the network and the disk, so the programs are unpacked meanwhile.
    const results = await Promise.allSettled([preparePackages(), unpackPrograms(servers, chromiumMissing)])
    const failed = results.find(({ status }) => status === 'rejected')
    if (failed !== undefined) throw failed.reason
  } finally {
    lock.release()
  }
}

async function preparePackages() {
  if (!packagesInstalled(root)) await withProgress('installing packages (npm ci)', () => installPackages(root))
  linkNode(root)
  const node = nodeRuntime(root)
  if (!consoleBuilt(root)) await withProgress('building the console', () => buildConsole(root, node))
}

/** Unpacks the missing programs one after the other, with one set of package lists. */
async function unpackPrograms(servers, chromiumMissing) {
  const lists = new PackageLists(join(root, '.gatehouse', 'cache', 'package-lists'))
  try {
    if (redisMissing()) await withProgress('unpacking Redis into .gatehouse/cache', () => installRedis(lists))
    for (const [name, server] of servers) {
      if (server.look() === undefined)
        await withProgress(`unpacking ${name} into .gatehouse/cache`, () => server.install(lists))
    }
    if (chromiumMissing && !hasChromium()) await tryChromium(lists)
  } finally {
    lists.remove()
  }
}

/** Reports all missing programs together, before the first long step. */
function refuseWithoutApt(servers) {
  if (hasApt()) return
  const redis = `Redis ≥ 7.2 or Valkey ≥ 8 (package ${packageName()}; or set GATEHOUSE_REDIS_URL)`
  const missing = redisMissing() ? [redis, ...servers] : servers
  if (missing.length === 0) return
  throw new Error(`this machine has no apt, so missing programs cannot be unpacked. Install: ${missing.join(', ')}`)
}

/**
 * Without a Chromium `npm run setup` still succeeds: only the browser tests need a Chromium, and they report that it is
 * missing.
 */
async function tryChromium(lists) {
  try {
    await withProgress('unpacking Chromium into .gatehouse/cache', () => installChromium(lists))
  } catch (error) {
    console.error(`setup: ${error.message}; the browser tests will fail`)
  }
}

function redisMissing() {
  return !process.env.GATEHOUSE_REDIS_URL && redisOnPath() === undefined && unpackedRedis() === undefined
}

async function waitForLock(path) {
  for (let reported = false; ; reported = true) {
    const lock = takeLock(path)
    if ('release' in lock) return lock
    if (!reported) console.error(`setup: another set-up is running here (pid ${lock.heldBy}); waiting for it …`)
    await sleep(300)
  }
}

async function main([verb, ...words]) {
  if (verb === '--help' || verb === '-h') {
    console.log(usage)
    return 0
  }
  if (verb !== undefined && !Object.hasOwn(verbs, verb)) {
    console.error(`setup: no verb "${verb}"\n\n${usage}`)
    return 2
  }
  await setUp(verb)
  const node = nodeRuntime(root)
  keepCompiled()
  if (verb === undefined) {
    console.error('setup: ready. Next: npm run demo')
    return 0
  }
  for (const step of verbs[verb](words)) {
    const code = await runStep(node, step, verb)
    if (code !== 0) return code
  }
  return 0
}

function runStep(node, step, verb) {
  if (Array.isArray(step[0])) return runTogether(node, step.map(at), { cwd: root })
  // The command line and the bench keep the user's working directory, because paths on the command line are relative.
  return runChild(node, at(step), verb === 'gatehouse' || verb === 'bench' ? {} : { cwd: root })
}

function at([script, ...words]) {
  return [join(root, script), ...words]
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(`setup: ${error.message}`)
  process.exitCode = 1
}
