import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, listening, type Running, start } from './process.ts'
import { AUDIENCE } from './tokens.ts'

const entry = fileURLToPath(new URL('../../gateway/cli/gatehouse.mjs', import.meta.url))

export interface Gate extends Running {
  readonly port: number
}

/** What one node has beside the usual: YAML in flow style. */
export interface GateExtras {
  /** `limits` of the route. */
  readonly limits?: string
  /** URL of Redis. */
  readonly redis?: string
  /** With opaque tokens beside JWTs, whose answers are kept for so long, s. Needs Redis. */
  readonly opaqueCacheS?: number
}

const worker = fileURLToPath(new URL('../../workers/main.ts', import.meta.url))

/** A worker with the settings of the gate in that folder. */
export function startWorker(folder: string): Running {
  return start(process.execPath, [worker, '--config', join(folder, 'gatehouse.yaml')])
}

function introspection(cacheS: number): string {
  return `    tokens: any
    introspection: { client_id: gate, client_secret: { file: encryption.key }, cache: ${cacheS}s, rate: 10000 }
`
}

function sealing(folder: string): string {
  writeFileSync(join(folder, 'encryption.key'), randomBytes(32).toString('base64url'), { mode: 0o600 })
  return `  encryption: [{ id: bench, secret: { file: encryption.key } }]
`
}

/** One node in front of `upstreamPort`, with a policy that uses everything a hot request passes. */
export async function startGate(
  folder: string,
  issuer: string,
  upstreamPort: number,
  { limits = '[]', redis, opaqueCacheS }: GateExtras = {},
): Promise<Gate> {
  mkdirSync(folder, { recursive: true })
  const [port, adminPort] = [await freePort(), await freePort()]
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(folder, 'assertion.jwk'), JSON.stringify(privateKey.export({ format: 'jwk' })), { mode: 0o600 })
  writeFileSync(
    join(folder, 'policy.yaml'),
    `version: 1
issuers:
  main:
    issuer: ${issuer}
    audience: [${AUDIENCE}]
${opaqueCacheS === undefined ? '' : introspection(opaqueCacheS)}services:
  orders:
    upstreams: [http://127.0.0.1:${upstreamPort}]
    roles: { manager: { claim: realm_access.roles, any: [order-manager] } }
    routes:
      - id: orders.read
        match: { path: /orders/**, methods: [GET] }
        require: { all: [{ scopes: { all: ["orders:read"] } }, { roles: { any: [manager] } }] }
        addresses: { allow: [127.0.0.0/8] }
        limits: ${limits}
`,
  )
  const settings = join(folder, 'gatehouse.yaml')
  writeFileSync(
    settings,
    `node: { id: bench-${port} }
listen: 127.0.0.1:${port}
admin: { listen: 127.0.0.1:${adminPort} }
policy: { path: policy.yaml }
keys:
  assertion: [{ id: bench, secret: { file: assertion.jwk } }]
${opaqueCacheS === undefined ? '' : sealing(folder)}${redis === undefined ? '' : `redis: { url: ${redis} }\n`}`,
  )
  const running = start(process.execPath, [entry, 'serve', '--config', settings])
  await listening(port)
  await ready(adminPort)
  return { ...running, port }
}

/** A node of a cluster first takes in what the others know. */
async function ready(adminPort: number, patienceMs = 30_000): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (performance.now() < deadline) {
    const reply = await fetch(`http://127.0.0.1:${adminPort}/readyz`).catch(() => undefined)
    if (reply?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`the node is not ready after ${patienceMs} ms`)
}
