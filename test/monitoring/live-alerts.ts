// Starts the demo and a Prometheus that scrapes it, breaks the demo, and waits until alerts fire and end. Prints a table.
// Takes about 16 minutes: `node test/monitoring/live-alerts.ts`. Windows of 5 and 10 minutes are shortened to 30 s
// (failing tasks: 2 minutes), and a `for` above 2 minutes to 10 s; the other values of `for` are those of the rules.

import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loopback, portsAt } from '../../deploy/demo/ports.ts'
import { prometheus } from '../../deploy/server-program.mjs'
import { redisCli } from '../kit/redis-cli.ts'

const checkout = resolve(import.meta.dirname, '../..')
const ports = portsAt(700)
const prometheusPort = 19_790
const state = join(checkout, '.gatehouse', `demo-${ports.offset}`)
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-live-alerts-'))
const startLimitMs = 120_000
/** A node without requests that need new keys asks the issuer again up to 5 minutes after a failed fetch. */
const stepLimitMs = 330_000

/** One failure of the demo: what it does, its end, and the alerts that it causes. */
interface Breakage {
  readonly cause: string
  readonly alerts: readonly string[]
  /** True: it ends after the alerts have ended, because they need its requests to end. */
  readonly lasts?: boolean
  begin(): void | Promise<void>
  end(): void | Promise<void>
}

/** Returns the pid of the process whose command line contains `text`. */
function pidOf(text: string): number {
  const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandOf(name).includes(text))
  if (found.length === 0) throw new Error(`no process with ${text}`)
  return Number(found[0])
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

function stopped(cause: string, alerts: readonly string[], ...texts: readonly string[]): Breakage {
  const pids = texts.map(pidOf)
  const signal = (name: NodeJS.Signals) => {
    for (const pid of pids) process.kill(pid, name)
  }
  return { cause, alerts, begin: () => signal('SIGSTOP'), end: () => signal('SIGCONT') }
}

const redis = (command: string, ...words: string[]) => redisCli(ports.redis, command, ...words)

/** Runs `gatehouse` with these words against the first node. */
function gatehouse(...words: readonly string[]): void {
  const env = {
    ...process.env,
    GATEHOUSE_ADMIN_URL: loopback(ports.admin[0]),
    GATEHOUSE_ADMIN_TOKEN_FILE: join(state, 'admin-token'),
  }
  execFileSync(process.execPath, [join(checkout, 'gateway/cli/gatehouse.mjs'), ...words], { env, stdio: 'ignore' })
}

/** Applies the policy of the demo with one text replaced. */
function applyWith(text: string, other: string): void {
  const policy = readFileSync(join(state, 'policy.yaml'), 'utf8')
  if (!policy.includes(text)) throw new Error(`the policy of the demo does not contain ${text}`)
  const changed = join(state, 'changed.yaml')
  writeFileSync(changed, policy.replace(text, other))
  gatehouse('apply', changed)
}

const redisFull: Breakage = {
  cause: 'maxmemory little above the used memory',
  alerts: ['GatehouseRedisMemory'],
  async begin() {
    const used = Number(/used_memory:(\d+)/.exec(await redis('info', 'memory'))?.[1])
    await redis('config', 'set', 'maxmemory', `${Math.round(used * 1.15)}`)
  },
  end: async () => void (await redis('config', 'set', 'maxmemory', '0')),
}

/** Stops a process for 1 s, 4 times. */
function stalling(text: string): Breakage {
  const pid = pidOf(text)
  return {
    cause: 'a node is stopped for 1 s, 4 times',
    alerts: ['GatehouseEventLoopStalls'],
    async begin() {
      for (let i = 0; i < 4; i++) {
        process.kill(pid, 'SIGSTOP')
        await sleep(1000)
        process.kill(pid, 'SIGCONT')
        await sleep(500)
      }
    },
    end() {},
  }
}

/** The second node is stopped while a revision is applied whose secret is missing when the node continues. */
function policyBehind(text: string): Breakage {
  const pid = pidOf(text)
  const [secret, other] = ['introspection-secret', 'other-secret'].map((name) => join(state, name)) as [string, string]
  return {
    cause: 'a node lacks a secret of the active revision',
    alerts: ['GatehousePolicyBehind', 'GatehousePolicyRejected', 'GatehousePoliciesDiffer'],
    begin() {
      copyFileSync(secret, other)
      process.kill(pid, 'SIGSTOP')
      applyWith('{ file: introspection-secret }', '{ file: other-secret }')
      rmSync(other)
      process.kill(pid, 'SIGCONT')
    },
    end: () => copyFileSync(secret, other),
  }
}

const activation = 'gh:{rev}:policy:activation'

const forgedPolicy: Breakage = {
  cause: 'the MAC of the activation in Redis is changed',
  alerts: ['GatehousePolicyForged'],
  async begin() {
    const { mac, ...rest } = JSON.parse(await redis('get', activation)) as { mac: string }
    const changed = `${mac[0] === 'A' ? 'B' : 'A'}${mac.slice(1)}`
    await redis('set', activation, JSON.stringify({ ...rest, mac: changed }))
  },
  end() {},
}

/** Logins while the issuer does not reply: each gets 503 after 10 s. */
const failingLogins: Breakage = {
  cause: 'three logins while the issuer is stopped',
  alerts: ['GatehouseLoginsFail'],
  async begin() {
    const url = `${loopback(ports.gate)}/.gatehouse/login?return_to=%2Fapp%2F&issuer=main`
    for (let i = 0; i < 3; i++) {
      const reply = await fetch(url, { headers: { accept: 'text/html' }, redirect: 'manual' })
      await reply.body?.cancel()
    }
  },
  end() {},
}

const endingKeys: Breakage = {
  cause: 'the issuer is stopped, with keys_stale: 1h',
  alerts: ['GatehouseIssuerKeysEnd'],
  begin() {},
  end() {},
}

const certificate = ['gate.crt', 'gate.key'].map((name) => join(state, name)) as [string, string]
let saved: string[] = []

/** Writes a certificate for `days` days to the files of the demo's listener. */
function writeCertificate(days: number): void {
  const [cert, key] = certificate
  const words = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=localhost',
  ]
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync('openssl', [...words, ...names, '-days', `${days}`, '-keyout', key, '-out', cert], { stdio: 'ignore' })
}

const expiring: Breakage = {
  cause: 'a certificate of the listener that expires within a day',
  alerts: ['GatehouseExpiresSoon', 'GatehouseExpiresToday'],
  begin() {
    saved = certificate.map((path) => readFileSync(path, 'utf8'))
    writeCertificate(1)
  },
  end: () => {
    for (const [i, path] of certificate.entries()) writeFileSync(path, saved[i]!)
  },
}

/** Returns a token with this key id that no issuer signed. */
function forgedToken(kid: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    iss: loopback(ports.issuer),
    aud: loopback(ports.gate),
    sub: 'x',
    exp: Math.floor(Date.now() / 1000) + 600,
  }
  return `${part({ alg: 'ES256', typ: 'at+jwt', kid })}.${part(claims)}.${'A'.repeat(86)}`
}

async function ask(token: string): Promise<void> {
  const options = { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(3000) }
  const reply = await fetch(`${loopback(ports.gate)}/orders/1`, options).catch(() => undefined)
  await reply?.body?.cancel()
}

/** Requests with forged tokens, `perSecond` a second, while the traffic is on. */
function traffic(cause: string, alerts: readonly string[], perSecond: number): Breakage {
  let timer: NodeJS.Timeout | undefined
  const begin = () => {
    timer = setInterval(() => void ask(forgedToken('none')), 1000 / perSecond)
  }
  return { cause, alerts, begin, lasts: alerts.length === 0, end: () => clearInterval(timer) }
}

interface Alert {
  readonly labels: { readonly alertname: string }
  readonly state: string
  readonly annotations: Readonly<Record<string, string>>
}

async function firing(): Promise<Alert[]> {
  const reply = await fetch(`${loopback(prometheusPort)}/api/v1/alerts`)
  const { data } = (await reply.json()) as { data: { alerts: Alert[] } }
  return data.alerts.filter(({ state: now }) => now === 'firing')
}

/** Waits until each alert fires, or until none does. @returns seconds by alert; absent after the time limit */
async function seconds(alerts: readonly string[], fires: boolean): Promise<Map<string, number>> {
  const startedAt = performance.now()
  const found = new Map<string, number>()
  while (found.size < alerts.length && performance.now() - startedAt < stepLimitMs) {
    const now = await firing()
    for (const alert of alerts) {
      const its = now.find(({ labels }) => labels.alertname === alert)
      if (found.has(alert) || (its !== undefined) !== fires) continue
      found.set(alert, Math.round((performance.now() - startedAt) / 1000))
      if (its !== undefined) console.error(`  ${its.annotations.summary} | ${its.annotations.description}`)
    }
    await sleep(500)
  }
  return found
}

async function run(breakages: readonly Breakage[]): Promise<void> {
  const alerts = breakages.flatMap((each) => each.alerts)
  for (const each of breakages) await each.begin()
  const fired = await seconds(alerts, true)
  const [lasting, others] = [breakages.filter(({ lasts }) => lasts), breakages.filter(({ lasts }) => !lasts)]
  for (const each of others) await each.end()
  const ended = await seconds(alerts, false)
  for (const each of lasting) await each.end()
  for (const { cause, alerts: own } of breakages) {
    for (const alert of own)
      console.log(`| ${alert} | ${cause} | ${fired.get(alert) ?? 'never'} | ${ended.get(alert) ?? 'never'} |`)
  }
}

function shortened(rules: string): string {
  // A task that waits for Redis fails about once in 8 s: fewer than 6 failures in 30 s.
  return rules
    .replace('background_task_failures_total[10m]', 'background_task_failures_total[2m]')
    .replaceAll(/\[(?:5|10)m\]/g, '[30s]')
    .replaceAll(/for: (?:5|10)m/g, 'for: 10s')
}

function startPrometheus() {
  const { command, env } = prometheus.find()
  const rules = readFileSync(join(checkout, 'deploy/prometheus-alerts.yml'), 'utf8')
  writeFileSync(join(folder, 'alerts.yml'), shortened(rules))
  const job = (name: string, list: readonly number[]) => ({
    job_name: name,
    static_configs: [{ targets: list.map((port) => `127.0.0.1:${port}`), labels: { gatehouse_cluster: 'demo' } }],
  })
  const config = {
    global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '2s' },
    rule_files: ['alerts.yml'],
    scrape_configs: [job('gatehouse', ports.admin), job('gatehouse-worker', [ports.worker])],
  }
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const words = [
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    `--web.listen-address=127.0.0.1:${prometheusPort}`,
  ]
  return spawn(command, words, { cwd: folder, env: { ...process.env, ...env }, stdio: 'ignore' })
}

async function untilItAnswers(url: string): Promise<void> {
  for (const deadline = performance.now() + startLimitMs; ; await sleep(200)) {
    const reply = await fetch(url).catch(() => undefined)
    await reply?.body?.cancel()
    if (reply?.ok) return
    if (performance.now() > deadline) throw new Error(`${url} does not answer`)
  }
}

async function breakAll(): Promise<void> {
  const [nodeOne, nodeTwo] = ['node-1.yaml', 'node-2.yaml'].map((name) => join(state, name)) as [string, string]
  const worker = join(state, 'worker.yaml')
  console.log('| alert | cause | seconds to fire | seconds to end |\n| --- | --- | --- | --- |')
  await run([
    stopped('a node and the worker are stopped', ['GatehouseNodeDown', 'GatehouseNoWorker'], nodeOne, worker),
    redisFull,
    expiring,
    traffic('80 forged tokens a second', ['GatehouseForgedTokens'], 80),
  ])
  await run([stalling(nodeOne), forgedPolicy])
  await run([policyBehind(nodeTwo)])
  applyWith('issuer: http', 'keys_stale: 1h\n    issuer: http')
  const noIssuer = ['GatehouseIssuerUnreachable', 'GatehouseFaults']
  await run([
    stopped('the issuer is stopped', noIssuer, 'demo/issuer.ts 700'),
    traffic('some requests', [], 5),
    failingLogins,
    endingKeys,
  ])
  const outage = ['GatehouseOutOfContact', 'GatehouseRevocationsStale', 'GatehouseAuditSpills', 'GatehouseTasksFail']
  await run([stopped('Redis is stopped', outage, `:${ports.redis}`), traffic('some requests', [], 5)])
  await run([stopped('both nodes are stopped', ['GatehouseNoNodeReady'], nodeOne, nodeTwo)])
}

const demoWords = [join(checkout, 'gateway/cli/gatehouse.mjs'), 'demo', '--port-offset', `${ports.offset}`]
const demo = spawn(process.execPath, demoWords, { stdio: 'ignore' })
const program = startPrometheus()
try {
  for (const port of [...ports.admin, ports.worker]) await untilItAnswers(`${loopback(port)}/readyz`)
  await untilItAnswers(`${loopback(prometheusPort)}/-/ready`)
  await sleep(10_000)
  await breakAll()
} finally {
  program.kill('SIGTERM')
  demo.kill('SIGINT')
  await new Promise((done) => demo.once('exit', done))
  rmSync(folder, { recursive: true, force: true })
}
