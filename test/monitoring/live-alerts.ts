// Starts the demo and a Prometheus that scrapes it, breaks the demo, and waits until alerts fire and end. Prints a table.
// Takes about 30 minutes: `node test/monitoring/live-alerts.ts`. With names of steps, such as `services sinks`, only they
// run. Windows of 5 and 10 minutes are shortened to 30 s (failing tasks: one failure in 2 minutes), a `for` above
// 2 minutes to 10 s, and some limits as their causes say; the other values of `for` are those of the rules.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loopback } from '../../deploy/demo/ports.ts'
import { prometheus } from '../../deploy/server-program.mjs'
import { stopAll } from '../kit/cleanup.ts'
import { loginClient } from '../kit/login-provider.ts'
import * as late from './late-breakages.ts'
import { type Breakage, checkout, ports, replaceInPolicy, state, stopped, untilItAnswers } from './live-demo.ts'
import * as nodes from './node-breakages.ts'
import { secondWorkerPort, startThirdNode, stopThirdNode, thirdAdminPort } from './third-node.ts'

const prometheusPort = 19_790
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-live-alerts-'))
/** Longest time until the alerts of one step fire, or end, ms. */
const stepLimitMs = 330_000

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
  // While Redis is stopped, a task fails about once in a minute.
  return rules
    .replace('gatehouse_audit_shipping_lag_seconds) > 300', 'gatehouse_audit_shipping_lag_seconds) > 20')
    .replace('offset 1d', 'offset 30s')
    .replace('background_task_failures_total[10m])) > 5', 'background_task_failures_total[2m])) > 0.5')
    .replaceAll(/\[(?:5|10)m\]/g, '[30s]')
    .replaceAll(/for: (?:5|10)m/g, 'for: 10s')
}

/** Lets Prometheus scrape these ports of nodes and workers. */
function writeTargets(nodePorts: readonly number[], workerPorts: readonly number[]): void {
  const lists = { gatehouse: nodePorts, 'gatehouse-worker': workerPorts }
  for (const [name, list] of Object.entries(lists)) {
    const targets = list.map((port) => `127.0.0.1:${port}`)
    writeFileSync(join(folder, `${name}.json`), JSON.stringify([{ targets, labels: { gatehouse_cluster: 'demo' } }]))
  }
}

function startPrometheus() {
  const { command, env } = prometheus.find()
  const rules = readFileSync(join(checkout, 'deploy/prometheus-alerts.yml'), 'utf8')
  writeFileSync(join(folder, 'alerts.yml'), shortened(rules))
  const job = (name: string) => ({
    job_name: name,
    file_sd_configs: [{ files: [`${name}.json`], refresh_interval: '1s' }],
  })
  writeTargets(ports.admin, [ports.worker])
  const config = {
    global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '2s' },
    rule_files: ['alerts.yml'],
    scrape_configs: [job('gatehouse'), job('gatehouse-worker')],
  }
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const words = [
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    `--web.listen-address=127.0.0.1:${prometheusPort}`,
  ]
  return spawn(command, words, { cwd: folder, env: { ...process.env, ...env }, stdio: 'ignore' })
}

const nodeFiles = ['node-1.yaml', 'node-2.yaml'].map((name) => join(state, name)) as [string, string]
const workerFile = join(state, 'worker.yaml')
const redisStopped = (alerts: readonly string[]) => stopped('Redis is stopped', alerts, `:${ports.redis}`)

/** Steps before the third node starts: the alerts about missing nodes and workers need all of them to stop. */
const firstSteps: Readonly<Record<string, () => Promise<void>>> = {
  nodes: () =>
    run([
      stopped(
        'a node and the worker are stopped',
        ['GatehouseNodeDown', 'GatehouseNoWorker'],
        nodeFiles[0],
        workerFile,
      ),
      nodes.redisFull,
      nodes.expiring,
      nodes.traffic('80 forged tokens a second', ['GatehouseForgedTokens'], 80),
    ]),
  stalls: () => run([nodes.stalling(nodeFiles[0]), nodes.forgedPolicy]),
  policy: () => run([nodes.policyBehind(nodeFiles[1])]),
  issuer: () => {
    replaceInPolicy(['issuer: http', 'keys_stale: 1h\n    issuer: http'])
    return run([
      stopped('the issuer is stopped', ['GatehouseIssuerUnreachable', 'GatehouseFaults'], 'demo/issuer.ts 700'),
      nodes.traffic('some requests', [], 5),
      nodes.failingLogins,
      nodes.endingKeys,
    ])
  },
  redis: () => {
    const alerts = ['GatehouseOutOfContact', 'GatehouseRevocationsStale', 'GatehouseAuditSpills', 'GatehouseTasksFail']
    return run([redisStopped(alerts), nodes.traffic('some requests', [], 5)])
  },
  'no-node': () => run([stopped('both nodes are stopped', ['GatehouseNoNodeReady'], ...nodeFiles)]),
}

const laterSteps: Readonly<Record<string, () => Promise<void>>> = {
  services: async () => {
    for (const [name, secret] of [
      ['short-secret', loginClient.secret] as const,
      ['clerk-secret', 'clerk-secret'] as const,
    ])
      writeFileSync(join(state, name), `${secret}\n`, { mode: 0o600 })
    const provider = await late.startShortIssuer()
    late.extendPolicy(provider)
    const { noHealthyUpstream, lookupsFail, serviceTokenMissing, retriesExhausted, drainForgotten, queueWaits } = late
    const refreshes = late.refreshesFail(provider)
    await run([
      noHealthyUpstream,
      lookupsFail,
      serviceTokenMissing,
      retriesExhausted,
      drainForgotten,
      queueWaits,
      refreshes,
    ])
  },
  sinks: async () => run([late.shippingLag, late.deadLetters, late.logLost, await late.sheds()]),
  spill: () => run([redisStopped([]), late.auditLost]),
}

async function breakAll(names: readonly string[]): Promise<void> {
  const wanted = (name: string) => names.length === 0 || names.includes(name)
  console.log('| alert | cause | seconds to fire | seconds to end |\n| --- | --- | --- | --- |')
  for (const [name, step] of Object.entries(firstSteps)) if (wanted(name)) await step()
  const later = Object.entries(laterSteps).filter(([name]) => wanted(name))
  if (later.length === 0) return
  await startThirdNode()
  writeTargets([...ports.admin, thirdAdminPort], [ports.worker, secondWorkerPort])
  await sleep(10_000)
  for (const [, step] of later) await step()
}

const demoWords = [join(checkout, 'gateway/cli/gatehouse.mjs'), 'demo', '--port-offset', `${ports.offset}`]
const demo = spawn(process.execPath, demoWords, { stdio: 'ignore' })
const program = startPrometheus()
try {
  for (const port of [...ports.admin, ports.worker]) await untilItAnswers(`${loopback(port)}/readyz`)
  await untilItAnswers(`${loopback(prometheusPort)}/-/ready`)
  await sleep(10_000)
  await breakAll(process.argv.slice(2))
} finally {
  program.kill('SIGTERM')
  late.endRepeated()
  await stopThirdNode()
  await stopAll()
  demo.kill('SIGINT')
  await new Promise((done) => demo.once('exit', done))
  rmSync(folder, { recursive: true, force: true })
}
