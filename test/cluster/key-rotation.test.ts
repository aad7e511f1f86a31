// Client secret, assertion key, encryption key and policy key are rotated on three nodes and a worker under load, without a restart
// and without a failed request.

import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { NodeProcess } from '../kit/node-process.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { listen } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { signingKey } from '../kit/signing-key.ts'
import type { NodeOptions, TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startWorker, type TestWorker } from '../kit/worker.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-rotation-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const at = (...names: string[]) => join(folder, ...names)
const bootstrap = 'bootstrap-token-of-the-rotation-test'

function put(text: string, ...names: string[]): void {
  writeFileSync(`${at(...names)}.new`, text, { mode: 0o600 })
  renameSync(`${at(...names)}.new`, at(...names))
}
// Write the file outside the folder first, because a folder of keys must contain only keys.
function putKey(kind: 'assertion' | 'encryption' | 'policy', id: string): void {
  const key =
    kind === 'assertion' ? JSON.stringify(signingKey('ES256').privateJwk) : randomBytes(32).toString('base64url')
  put(key, 'key')
  renameSync(at('key'), at(kind, id))
}

let issuer: IntrospectionIssuer
let options: NodeOptions
let nodes: TestNode[]
let worker: TestWorker
let accepted = ['one']
/** Results of the service: key ids of assertions, and errors of their verification. */
const signedWith = new Map<string, number>()
const faults: string[] = []
let admin: Record<string, string>

beforeAll(async () => {
  for (const kind of ['assertion', 'encryption', 'policy'] as const) {
    mkdirSync(at(kind))
    putKey(kind, 'k1')
  }
  put('one', 'client-secret')
  put(bootstrap, 'bootstrap')
  issuer = await startIntrospectionIssuer()
  issuer.script = ({ form }) =>
    accepted.includes(form.get('client_secret') ?? '') ? undefined : { status: 401, body: '{"error":"invalid_client"}' }
  const redis = await testRedis()
  options = opaqueGate({
    issuer: issuer.url,
    orders: await startVerifyingService(),
    redisPort: redis.port,
    introspection: { client_secret: { file: at('client-secret') }, client_auth: 'client_secret_post', rate: 1000 },
    settings: {
      keys: {
        assertion: { directory: at('assertion') },
        encryption: { directory: at('encryption') },
        policy: { directory: at('policy') },
      },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { file: at('bootstrap') } },
    },
  })
  nodes = await Promise.all(['n1', 'n2', 'n3'].map((id) => startNode(withId(id))))
  worker = await startWorker(withId('w1'))
  admin = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${nodes[0]!.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
})

const withId = (id: string): NodeOptions => ({ ...options, settings: { ...options.settings, node: { id } } })

/** Starts a service that verifies each assertion with the keys that the first node publishes. */
async function startVerifyingService(): Promise<string> {
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined
  const server = createServer(async (incoming, reply) => {
    keys ??= createRemoteJWKSet(new URL(`http://127.0.0.1:${nodes[0]!.port}/.well-known/gatehouse/jwks.json`), {
      cooldownDuration: 0,
    })
    const assertion = String(incoming.headers['x-gatehouse-jwt-assertion'])
    try {
      await jwtVerify(assertion, keys, { audience: 'orders' })
      const id = decodeProtectedHeader(assertion).kid!
      signedWith.set(id, (signedWith.get(id) ?? 0) + 1)
    } catch (error) {
      faults.push(String(error))
    }
    reply.end('ok')
  })
  const port = await listen(server)
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${port}`
}

/**
 * Sends a request to each node 20 ms after the reply to the one before, until `stop`: half with new tokens, half with
 * known ones.
 */
function startLoad() {
  const statuses = new Map<number, number>()
  let isRunning = true
  const loops = nodes.map(async ({ port }) => {
    for (let n = 0, token = issuer.issue(); isRunning; n++) {
      if (n % 2 === 0) token = issuer.issue()
      const { status } = await request(port, requestBytes({ target: '/orders/1', token }))
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      await sleep(20)
    }
  })
  const count = () => [...statuses.values()].reduce((sum, each) => sum + each, 0)
  const more = async (requests = 60) => {
    const target = count() + requests
    await until(`${requests} more requests`, () => count() >= target)
  }
  const stop = async () => {
    isRunning = false
    await Promise.all(loops)
    return [...statuses.keys()]
  }
  onTestFinished(async () => void (await stop()))
  return { more, stop }
}

const verb = (...words: string[]) => runVerb([...words, '--output', 'json'], admin)
const keysOf = async () => (JSON.parse((await verb('keys', 'list')).stdout) as { keys: Record<string, unknown>[] }).keys
const secretChanges = () =>
  nodes.map(({ log }) => log.filter((line) => line['msg'] === 'secret changed; the new value is in use').length).join()

test('a client secret is rotated under load without a failed request, whether the file or the issuer changes first', async () => {
  const load = startLoad()
  await load.more()
  put('two', 'client-secret')
  await until('every node has read the new secret', () => secretChanges() === '1,1,1')
  await load.more()
  accepted = ['two']
  await load.more()
  // The issuer changes first this time.
  accepted = ['two', 'three']
  await load.more()
  put('three', 'client-secret')
  await until('every node has read the newest secret', () => secretChanges() === '2,2,2')
  accepted = ['three']
  await load.more()

  expect(await load.stop()).toEqual([200])
  expect(faults).toEqual([])
})

test('an assertion key is rotated under load without a failed request, and a reload that removes the old key too early is rejected', async () => {
  const load = startLoad()
  await load.more()
  putKey('assertion', 'k2')
  await until('k2 is listed', async () => (await keysOf()).some(({ kind, id }) => kind === 'assertion' && id === 'k2'))
  const early = await verb('keys', 'rotate', 'assertion', '--to', 'k2', '--overlap', '1h', '--timeout', '0s')
  expect(early.exitCode).toBe(1)
  expect(early.stderr).toMatch(/key k2 is missing on|every node publishes key k2; it can become the writing key from/)
  const done = await verb('keys', 'rotate', 'assertion', '--to', 'k2', '--overlap', '1s', '--timeout', '40s')
  expect(done.exitCode, done.stderr).toBe(0)
  expect(JSON.parse(done.stdout)).toMatchObject({ rotated: true, missing: [], old: 'k1' })
  const before = signedWith.get('k1')!
  await until('every node signs with k2', async () => {
    const [, k2] = (await keysOf()).filter(({ kind }) => kind === 'assertion')
    return JSON.stringify(k2?.['written_by']) === '["node n1","node n2","node n3"]'
  })
  await load.more()

  expect(await load.stop()).toEqual([200])
  expect(faults).toEqual([])
  expect(signedWith.get('k2')).toBeGreaterThan(0)
  expect(before).toBeGreaterThan(0)

  renameSync(at('assertion', 'k1'), at('removed'))
  const line = await nodes[1]!.waitForLine(({ msg }) => msg === 'keys rejected; the keys in force stay active')
  expect(JSON.stringify(line)).toMatch(
    /key `k1` of keys.assertion is missing, but it is still in use: it is needed until 2/,
  )
  renameSync(at('removed'), at('assertion', 'k1'))
})

test('an encryption key is rotated on nodes and workers under load without a failed request', async () => {
  const unknown = await verb('keys', 'rotate', 'encryption', '--to', 'k9', '--timeout', '0s')
  expect([unknown.exitCode, unknown.stderr]).toEqual([
    1,
    expect.stringContaining('no process has a key with this id in keys.encryption'),
  ])
  const load = startLoad()
  await load.more()
  putKey('encryption', 'k2')
  await until('k2 is listed', async () => (await keysOf()).some(({ kind, id }) => kind === 'encryption' && id === 'k2'))
  const done = await verb('keys', 'rotate', 'encryption', '--to', 'k2', '--timeout', '40s')
  expect(done.exitCode, done.stderr).toBe(0)
  await load.more()
  await until('nodes and worker encrypt with k2', async () => {
    const k2 = (await keysOf()).find(({ kind, id }) => kind === 'encryption' && id === 'k2')
    return JSON.stringify(k2?.['written_by']) === '["node n1","node n2","node n3","worker w1"]'
  })
  const k1 = (await keysOf()).find(({ kind, id }) => kind === 'encryption' && id === 'k1')
  expect(k1).toMatchObject({ lacking: [], written_by: [], needed_until: expect.stringMatching(/^2/) })
  for (const node of nodes) node.reload()
  await load.more()

  expect(await load.stop()).toEqual([200])
  expect(JSON.stringify(worker.log.filter(({ level }) => level === 'error'))).not.toContain('keys.encryption')

  // Introspection answers, sessions and tokens that were encrypted with the old key are still in use.
  renameSync(at('encryption', 'k1'), at('removed'))
  for (const member of [nodes[2]!, worker]) {
    const line = await member.waitForLine(
      (line) => String(line['msg']).startsWith('keys rejected') && JSON.stringify(line).includes('keys.encryption'),
    )
    expect(JSON.stringify(line)).toMatch(
      /key `k1` of keys.encryption is missing, but it is still in use: it is needed until 2/,
    )
  }
  renameSync(at('removed'), at('encryption', 'k1'))
})

test('a policy key becomes the key with which all nodes and workers write, once each of them has it', async () => {
  const early = await verb('keys', 'rotate', 'policy', '--to', 'absent', '--timeout', '0s')
  expect([early.exitCode, early.stderr]).toEqual([1, expect.stringContaining('no process has a key with this id')])
  putKey('policy', 'k2')
  await until('k2 is listed', async () => (await keysOf()).some(({ kind, id }) => kind === 'policy' && id === 'k2'))
  const done = await verb('keys', 'rotate', 'policy', '--to', 'k2', '--timeout', '40s')

  expect(done.exitCode, done.stderr).toBe(0)
  await until('nodes and worker write with k2', async () => {
    const k2 = (await keysOf()).find(({ kind, id }) => kind === 'policy' && id === 'k2')
    return JSON.stringify(k2?.['written_by']) === '["node n1","node n2","node n3","worker w1"]'
  })
})

test('a node that lacks the key with which the cluster writes does not become ready, and its log names the key', async () => {
  mkdirSync(at('old'), { recursive: true })
  put(randomBytes(32).toString('base64url'), 'old', 'k1')
  const keys = { assertion: { directory: at('assertion') }, encryption: { directory: at('old') } }
  const late = new NodeProcess({ ...options, settings: { ...options.settings, keys, node: { id: 'n4' } } })
  atEnd(() => late.remove())
  const line = await late.waitForLine(
    ({ msg }) => msg === 'node cannot join the cluster: it lacks the key that the cluster writes with',
  )

  expect(line['problem']).toBe(
    'the cluster writes with key `k2` of keys.encryption, which this node lacks; add the key to keys.encryption',
  )
})

test('`gatehouse secrets list` shows source, age and use of each secret, and no value', async () => {
  const { stdout, exitCode } = await runVerb(['secrets', 'list'], admin)

  expect(exitCode).toBe(0)
  expect(stdout).toContain(`issuers.main.introspection.client_secret`)
  expect(stdout).toContain(`file ${at('client-secret')}`)
  expect(stdout).toContain('introspection at issuer main')
  expect(stdout).toContain('keys.encryption.k2')
  expect(stdout).toContain('admin.bootstrap_token')
  expect(stdout).not.toMatch(/three|bootstrap-token-of/)
})

test('the log of a worker that lacks the key with which the cluster writes names the key', async () => {
  const keys = { encryption: { directory: at('old') } }
  const late = await startWorker({ ...options, settings: { ...options.settings, keys, node: { id: 'w2' } } })
  const line = await late.waitForLine(({ msg }) => msg === 'the cluster writes with a key that this worker lacks')

  expect(line).toMatchObject({
    level: 'error',
    kind: 'encryption',
    key: 'k2',
    problem: expect.stringContaining('add the key to keys.encryption'),
  })
})
