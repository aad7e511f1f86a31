import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../child.ts'
import type { Release } from './build-release.ts'
import { installedDifferences } from './installed-packages.ts'
import type { Sbom } from './sbom.ts'

const limitMs = 300_000
/** Port offset of the tried demo: no other program of the checkout uses it by default. */
const portOffset = 22_000 + (process.pid % 40) * 20
const nodePort = 8080 + portOffset + 19

const policy = `version: 1
issuers: { main: { issuer: https://idp.example, audience: [https://api.example] } }
services: { orders: { upstreams: [http://127.0.0.1:9], routes: [{ id: orders, match: { path: /orders/** }, require: { scopes: { all: ["orders:read"] } } }] } }
`
const settings = `listen: 127.0.0.1:${nodePort}
admin: { listen: 127.0.0.1:${nodePort + 1} }
public_url: https://api.example
policy: { path: policy.yaml }
keys: { assertion: [{ id: k1, secret: { file: assertion.jwk } }] }
`

/**
 * Installs the npm package in an empty folder with an empty home and an empty npm cache, and starts a node and the demo
 * from it.
 *
 * @param say  called after each step with its result
 * @throws {Error} when a step fails
 */
export async function tryPackage(release: Release, say: (done: string) => void): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), 'gatehouse-release-'))
  const [folder, home] = [join(place, 'app'), join(place, 'home')]
  for (const path of [folder, home]) mkdirSync(path)
  const env = emptyEnvironment(home)
  const options = { cwd: folder, env, encoding: 'utf8' } as const
  const gatehouse = (...words: string[]) =>
    execFileSync(join(folder, 'node_modules/.bin/gatehouse'), words, options).trim()
  try {
    execFileSync('npm', ['install', '--ignore-scripts', '--loglevel=error', release.tarball], options)
    say('npm install')
    const differences = installedDifferences(folder, JSON.parse(readFileSync(release.sbom, 'utf8')) as Sbom)
    if (differences.length > 0) throw new Error(`the SBOM does not list what is installed:\n${differences.join('\n')}`)
    say('the SBOM lists the installed packages')
    say(`gatehouse --version: ${gatehouse('--version')}`)
    if (/^ +bench /m.test(gatehouse('--help'))) throw new Error('the package offers bench, but contains no benchmarks')
    writeFileSync(join(folder, 'policy.yaml'), policy)
    writeFileSync(join(folder, 'gatehouse.yaml'), settings)
    writeFileSync(join(folder, 'assertion.jwk'), gatehouse('keys', 'generate', 'assertion'), { mode: 0o600 })
    say('gatehouse keys generate')
    await tryProgram(folder, env, ['serve', '--config', 'gatehouse.yaml'], async (alive) => {
      await answers(alive, nodePort, 401)
      say('gatehouse serve: first 401')
    })
    const atOffset = ['--port-offset', String(portOffset)]
    await tryProgram(folder, env, ['demo', ...atOffset], async (alive) => {
      await answers(alive, 8080 + portOffset, 401)
      say('gatehouse demo with its issuer and Redis installed: first 401')
      await answers(alive, 8080 + portOffset, 200, gatehouse('demo', 'token', ...atOffset))
      say('first 200 with a token')
    })
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** Environment without the variables of npm and Gatehouse, and without the programs of the checkout on PATH. */
function emptyEnvironment(home: string): NodeJS.ProcessEnv {
  const PATH = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'))
  return { PATH: PATH.join(delimiter), HOME: home }
}

async function tryProgram(
  cwd: string,
  env: NodeJS.ProcessEnv,
  words: readonly string[],
  attempt: (alive: () => void) => Promise<void>,
): Promise<void> {
  const log = join(cwd, `${words[0]}.log`)
  const command = join(cwd, 'node_modules/.bin/gatehouse')
  const child = await startChild({ name: `gatehouse ${words[0]}`, command, arguments: words, cwd, env, log })
  let end: string | undefined
  child.ended.then((how) => {
    end = how
  })
  try {
    await attempt(() => {
      if (end !== undefined) throw new Error(`gatehouse ${words[0]} ended (${end}):\n${readFileSync(log, 'utf8')}`)
    })
  } finally {
    await child.stop(30_000)
  }
}

/** Waits until GET /orders/1 is answered with this status. @throws {Error} after 5 minutes */
async function answers(alive: () => void, port: number, status: number, token?: string): Promise<void> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
  const deadlineMs = performance.now() + limitMs
  for (let last: unknown; ; await sleep(50)) {
    alive()
    const reply = await fetch(`http://127.0.0.1:${port}/orders/1`, { headers }).catch((error: Error) => error)
    if (reply instanceof Response) await reply.body?.cancel()
    last = reply instanceof Response ? reply.status : reply.message
    if (last === status) return
    if (performance.now() > deadlineMs) throw new Error(`no ${status} at port ${port} within 5 minutes; last: ${last}`)
  }
}
