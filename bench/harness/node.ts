import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../gateway/port.ts'
import { type Running, startProcess } from './process.ts'

/** Path of the checkout that contains this file. */
export const ownTree = fileURLToPath(new URL('../..', import.meta.url))

type Entry = Readonly<Record<string, unknown>>

export interface NodePlan {
  readonly policy: Entry
  /** Settings that replace the settings of the bench, by top-level key of gatehouse.yaml. */
  readonly settings?: Entry
  /** URL of Redis. Default: the node runs without Redis. */
  readonly redis?: string
  /** Environment variables in addition to those that the bench sets. */
  readonly env?: Readonly<Record<string, string>>
  /** Folder of a node of the same cluster: both nodes then have the same keys. Default: the node has its own keys. */
  readonly keysOf?: string
  /** Path of the checkout whose gate is started. Default: this checkout. */
  readonly tree?: string
}

/** One node of the gate, run as a separate process with its own folder. */
export interface BenchNode extends Running {
  readonly id: string
  readonly port: number
  readonly adminPort: number
  /** Bootstrap token, valid for all operations of the admin API. */
  readonly adminToken: string
  readonly folder: string
}

/**
 * Starts a node and waits until `/readyz` returns 200. At this time, a node of a cluster has received the state of the
 * other nodes.
 */
export async function startNode(folder: string, plan: NodePlan): Promise<BenchNode> {
  mkdirSync(folder, { recursive: true })
  const [port, adminPort] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')]
  const id = `bench-${port}`
  const adminToken = randomBytes(32).toString('base64url')
  const secrets = {
    'assertion.jwk': JSON.stringify(
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
    ),
    'encryption.key': randomBytes(32).toString('base64url'),
    'admin-token': adminToken,
  }
  for (const [name, text] of Object.entries(secrets)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  if (plan.keysOf !== undefined) {
    for (const name of ['assertion.jwk', 'encryption.key']) copyFileSync(join(plan.keysOf, name), join(folder, name))
  }
  writePolicy(folder, plan.policy)
  const settings = join(folder, 'gatehouse.yaml')
  // Write the settings as JSON, because JSON is valid YAML.
  const document = {
    node: { id },
    listen: `127.0.0.1:${port}`,
    admin: { listen: `127.0.0.1:${adminPort}`, bootstrap_token: { file: 'admin-token' } },
    policy: { path: 'policy.yaml' },
    // Scenarios saturate nodes to measure the cost of a request. Older commits may not have the setting.
    ...(plan.tree === undefined ? { overload: { mode: 'off' } } : {}),
    keys: {
      assertion: [{ id: 'bench', secret: { file: 'assertion.jwk' } }],
      encryption: [{ id: 'bench', secret: { file: 'encryption.key' } }],
    },
    ...(plan.redis === undefined ? {} : { redis: { url: plan.redis } }),
    ...plan.settings,
  }
  writeFileSync(settings, JSON.stringify(document))
  const entry = join(plan.tree ?? ownTree, 'gateway/cli/gatehouse.mjs')
  const running = startProcess(process.execPath, [entry, 'serve', '--config', settings], {
    ...process.env,
    ...plan.env,
  })
  await ready(adminPort)
  return { ...running, id, port, adminPort, adminToken, folder }
}

/** Replaces the policy file of a node atomically, by renaming, as editors and deployments do. */
export function writePolicy(folder: string, policy: Entry): void {
  const draft = join(folder, '.policy.draft')
  writeFileSync(draft, JSON.stringify(policy))
  renameSync(draft, join(folder, 'policy.yaml'))
}

/** Starts a worker with the settings file of the node in this folder. */
export function startWorker(folder: string): Running {
  return startProcess(process.execPath, [join(ownTree, 'workers/main.ts'), '--config', join(folder, 'gatehouse.yaml')])
}

async function ready(adminPort: number, patienceMs = 30_000): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (performance.now() < deadline) {
    const reply = await fetch(`http://127.0.0.1:${adminPort}/readyz`).catch(() => undefined)
    if (reply?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`the node is not ready after ${patienceMs} ms`)
}
