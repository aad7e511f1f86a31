import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../gateway/port.ts'
import { type Running, startProcess } from './process.ts'

/** The checkout of this bench. */
export const ownTree = fileURLToPath(new URL('../..', import.meta.url))

type Entry = Readonly<Record<string, unknown>>

export interface NodePlan {
  readonly policy: Entry
  /** Overrides of the settings, by top-level key. */
  readonly settings?: Entry
  /** URL of Redis; default: a node without Redis. */
  readonly redis?: string
  /** The checkout to run. Default: this one. */
  readonly tree?: string
}

/** One node, in a separate process and folder. */
export interface BenchNode extends Running {
  readonly id: string
  readonly port: number
  readonly adminPort: number
  /** Token for all operations of the admin API. */
  readonly adminToken: string
  readonly folder: string
}

/** Starts a node and waits until it is ready. In a cluster, it has then received the state of the other nodes. */
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
  writePolicy(folder, plan.policy)
  const settings = join(folder, 'gatehouse.yaml')
  // JSON is valid YAML.
  const document = {
    node: { id },
    listen: `127.0.0.1:${port}`,
    admin: { listen: `127.0.0.1:${adminPort}`, bootstrap_token: { file: 'admin-token' } },
    policy: { path: 'policy.yaml' },
    keys: {
      assertion: [{ id: 'bench', secret: { file: 'assertion.jwk' } }],
      encryption: [{ id: 'bench', secret: { file: 'encryption.key' } }],
    },
    ...(plan.redis === undefined ? {} : { redis: { url: plan.redis } }),
    ...plan.settings,
  }
  writeFileSync(settings, JSON.stringify(document))
  const entry = join(plan.tree ?? ownTree, 'gateway/cli/gatehouse.mjs')
  const running = startProcess(process.execPath, [entry, 'serve', '--config', settings])
  await ready(adminPort)
  return { ...running, id, port, adminPort, adminToken, folder }
}

/** Replaces the policy of a node atomically, as an editor or a deployment does. */
export function writePolicy(folder: string, policy: Entry): void {
  const draft = join(folder, '.policy.draft')
  writeFileSync(draft, JSON.stringify(policy))
  renameSync(draft, join(folder, 'policy.yaml'))
}

/** Starts a worker with the settings of the node in this folder. */
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
