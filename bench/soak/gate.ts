import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Gate } from '../harness/gate.ts'
import { freePort, listening, start } from '../harness/process.ts'
import { AUDIENCE } from '../harness/tokens.ts'

const entry = fileURLToPath(new URL('../../gateway/cli/gatehouse.mjs', import.meta.url))

/** One node: bodies of any size below /down and /up, a token for /orders, connections that may wait for two minutes. */
export async function startSoakGate(folder: string, issuer: string, servicePort: number): Promise<Gate> {
  mkdirSync(folder, { recursive: true })
  const [port, adminPort] = [await freePort(), await freePort()]
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(folder, 'assertion.jwk'), JSON.stringify(privateKey.export({ format: 'jwk' })), { mode: 0o600 })
  writeFileSync(
    join(folder, 'policy.yaml'),
    `version: 1
issuers:
  main: { issuer: "${issuer}", audience: [${AUDIENCE}] }
services:
  soak:
    upstreams: [http://127.0.0.1:${servicePort}]
    routes:
      - { id: down, match: { path: /down/** }, require: public }
      - { id: up, match: { path: /up/** }, require: public, body: { max: none } }
      - { id: orders, match: { path: /orders/** }, require: { scopes: { all: ["orders:read"] } } }
`,
  )
  const settings = join(folder, 'gatehouse.yaml')
  writeFileSync(
    settings,
    `node: { id: soak }
listen: 127.0.0.1:${port}
admin: { listen: 127.0.0.1:${adminPort} }
policy: { path: policy.yaml }
keys: { assertion: [{ id: soak, secret: { file: assertion.jwk } }] }
request: { idle: 2m }
`,
  )
  const running = start(process.execPath, [entry, 'serve', '--config', settings])
  await listening(port)
  return { ...running, port }
}
