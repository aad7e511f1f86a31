import { createServer, connect as openSocket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePorts, listen } from '../kit/ports.ts'
import { signingKey } from '../kit/signing-key.ts'
import { type NodeOptions, StartFailure } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, identity } from './admission.ts'

// A node with valid settings and policy serves requests. Otherwise the node exits with an error that names the place
// of the fault.

const [issuer, orders] = await Promise.all([startIssuer(), startUpstream()])
const policy = testPolicy({ issuer: issuer.url, orders: orders.url })
const target = '/orders/1'

/** Expects that a node does not start. Returns its exit code and output. */
async function startFails(options: NodeOptions): Promise<StartFailure> {
  const failure = await startNode(options).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(StartFailure)
  return failure as StartFailure
}

/** Returns whether one of these ports was open at any time until `work` ended. */
async function everOpen(ports: readonly number[], work: Promise<unknown>): Promise<boolean> {
  let [over, open] = [false, false]
  const ended = work.finally(() => {
    over = true
  })
  while (!over) {
    for (const port of ports) open ||= await opens(port)
    await sleep(10)
  }
  await ended
  return open
}

function opens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket({ port, host: '127.0.0.1' })
    const end = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}

/** Returns a port on which this process listens. */
async function takenPort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  atEnd(() => new Promise((closed) => server.close(closed)))
  return port
}

const keyIn = (secret: unknown) => ({ assertion: [{ id: 'k', secret }] })
const { d: _, ...publicHalf } = signingKey('ES256').privateJwk

test.each<{ title: string; options: Partial<NodeOptions>; message: RegExp }>([
  {
    title: 'a misspelt setting',
    options: { settings: { drain_delai: '1s' } },
    message:
      /gatehouse\.yaml:\d+:\d+: drain_delai: unknown key \(GH_CONFIG_UNKNOWN_KEY\)\n {2}hint: did you mean drain_delay\?/,
  },
  {
    title: 'a setting of a later version',
    options: { settings: { webhooks: {} } },
    message: /gatehouse\.yaml:\d+:\d+: webhooks: .* \(GH_CONFIG_NOT_YET\)/,
  },
  {
    title: 'a listener on all addresses without a public URL',
    options: { settings: { listen: ':0' } },
    message: /gatehouse\.yaml:\d+:\d+: public_url: is required when the listener is not loopback \(GH_CONFIG_MISSING\)/,
  },
  {
    title: 'a missing policy file',
    options: { settings: { policy: { path: 'elsewhere.yaml' } } },
    message: /elsewhere\.yaml: cannot be read \(ENOENT\) \(GH_CONFIG_UNREADABLE\)/,
  },
  {
    title: 'an invalid policy',
    options: { policy: stringify(policy).replace('scopes:', 'scope:') },
    message:
      /policy\.yaml:\d+:\d+: services\.orders\.routes\[0\]\.require\.scope: unknown key \(GH_CONFIG_UNKNOWN_KEY\)/,
  },
  {
    title: 'a secret in the settings',
    options: { settings: { keys: keyIn('MY-OWN-SECRET') } },
    message: /gatehouse\.yaml:\d+:\d+: keys\.assertion\[0\]\.secret: .* \(GH_CONFIG_SECRET_INLINE\)/,
  },
  {
    title: 'a key without its private part',
    options: { settings: { keys: keyIn({ env: 'KEY' }) }, env: { KEY: JSON.stringify(publicHalf) } },
    message:
      /keys\.assertion\[0\]\.secret: must be a private EC P-256 JWK in JSON \(GH_CONFIG_SECRET\)\n {2}hint: .*keys generate assertion/,
  },
  {
    title: 'no key for a service that requires assertions',
    options: { settings: { keys: undefined } },
    message:
      /keys\.assertion: service orders requires identity assertions, but keys\.assertion is empty \(GH_CONFIG_KEY_MISSING\)\n {2}hint: .*gatehouse keys generate assertion/,
  },
  {
    title: 'a route with audit: closed without Redis',
    options: { policy: stringify(policy).replace('    upstreams:', '    audit: closed\n    upstreams:') },
    message:
      /redis: route \S+ has audit: closed, but the audit log requires redis \(GH_CONFIG_MISSING\)\n {2}hint: set redis.url/,
  },
  {
    title: 'an unknown environment variable',
    options: { env: { GATEHOUSE_DRAIN_DELAI: '1s' } },
    message:
      /GATEHOUSE_DRAIN_DELAI: unknown environment variable GATEHOUSE_DRAIN_DELAI \(GH_CONFIG_UNKNOWN_VARIABLE\)\n {2}hint: did you mean GATEHOUSE_DRAIN_DELAY\?/,
  },
])(
  'a node with $title exits with 1 and an error that names the place, and never opens a port',
  async ({ options, message }) => {
    const ports = freePorts(2)
    const at = { listen: `127.0.0.1:${ports[0]}`, admin: { listen: `127.0.0.1:${ports[1]}` } }
    const starting = startFails({ policy, ...options, settings: { ...at, ...options.settings } })
    const open = await everOpen(ports, starting)
    const { exitCode, stdout, stderr } = await starting

    expect(exitCode).toBe(1)
    expect(stderr).toMatch(message)
    expect(stdout).toBe('')
    expect(open).toBe(false)
    // The error output has neither a stack trace nor a secret.
    expect(stderr).not.toMatch(/^ {4}at /m)
    expect(stderr).not.toContain('MY-OWN-SECRET')
  },
)

test('a node that cannot start reports the errors of its settings file and environment together', async () => {
  const settings = { drain_delai: '1s', log: { level: 'loud' }, admin: { listen: 'nowhere' } }
  const { exitCode, stderr } = await startFails({ policy, settings, env: { GATEHOUSE_NOTHING: '1' } })

  expect(exitCode).toBe(1)
  for (const name of ['drain_delai', 'log.level', 'admin.listen', 'GATEHOUSE_NOTHING']) expect(stderr).toContain(name)
})

test('a node whose data port is in use exits with 1, and the error names the address', async () => {
  const port = await takenPort()
  const { exitCode, stderr } = await startFails({ policy, settings: { listen: `127.0.0.1:${port}` } })

  expect(exitCode).toBe(1)
  expect(stderr).toMatch(new RegExp(`^error: listen: .*127\\.0\\.0\\.1:${port}: .* \\(GH_START\\)\n {2}hint: `))
})

test('a node whose admin port is in use exits with 1, and the error names the address', async () => {
  const port = await takenPort()
  const { exitCode, stderr } = await startFails({ policy, settings: { admin: { listen: `127.0.0.1:${port}` } } })

  expect(exitCode).toBe(1)
  expect(stderr).toMatch(new RegExp(`^error: admin.listen: .*127\\.0\\.0\\.1:${port}: .* \\(GH_START\\)\n {2}hint: `))
})

test('a second node on the port of a running node exits with 1, and the running node still serves requests', async () => {
  const first = await startNode({ policy })
  const { exitCode, stderr } = await startFails({ policy, settings: { listen: `127.0.0.1:${first.port}` } })
  const shared = { listen: `127.0.0.1:${first.port}`, reuse_port: true }
  const { exitCode: sharing } = await startFails({ policy, settings: shared })

  expect({ exitCode, sharing }).toEqual({ exitCode: 1, sharing: 1 })
  expect(stderr).toContain(`127.0.0.1:${first.port}`)
  await admitted({ node: first, services: [orders] }, { target, token: issuer.sign() })
})

test('a node with the address of another machine in `listen` exits with 1, and the error names the address', async () => {
  const settings = { listen: '192.0.2.1:8080', public_url: 'https://api.example' }
  const { exitCode, stderr } = await startFails({ policy, settings })

  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^error: .*192\.0\.2\.1:8080.* \(GH_START\)\n {2}hint: /)
})

test('environment variables override the settings file of a node key by key', async () => {
  const key = signingKey('ES256')
  const node = await startNode({
    policy,
    settings: { keys: keyIn({ env: 'THE_KEY' }), node: { id: 'from-file' } },
    env: { THE_KEY: JSON.stringify(key.privateJwk), GATEHOUSE_NODE_ID: 'from-env', GATEHOUSE_PORT_8080_TCP: 'tcp://x' },
  })
  const gate = { node, services: [orders] }
  const { received } = await admitted(gate, { target, token: issuer.sign() })

  expect(node.log[0]).toMatchObject({ msg: 'node started', node: 'from-env' })
  expect(await identity(gate, received)).toMatchObject({ sub: 'alice' })
  expect(JSON.stringify(node.log)).not.toContain(key.privateJwk.d)
})
