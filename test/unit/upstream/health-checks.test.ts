import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { HealthCheck } from '../../../gateway/upstream/checks/health-check.ts'
import type { HealthRules } from '../../../gateway/upstream/checks/health-rules.ts'
import { Http1Target } from '../../../gateway/upstream/http1-target.ts'
import { systemResolver } from '../../../gateway/upstream/names/name-resolver.ts'
import type { ServiceProtocol } from '../../../gateway/upstream/service-protocol.ts'
import { TargetRegistry, type UpstreamSettings } from '../../../gateway/upstream/target-registry.ts'
import { CertificateAuthority } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { Http2Service } from '../../kit/http2-service.ts'
import { ManualTimers } from '../../kit/manual-timers.ts'
import { freePort, listen } from '../../kit/ports.ts'
import { rawUpstream } from '../../kit/raw-upstream.ts'
import { until } from '../../kit/until.ts'
import { startUpstream } from '../../kit/upstream.ts'
import { called, send } from './call-log.ts'

// Active health checks of upstreams. The tests move the clock of the checks from timer to timer; the upstreams are real.

const rules: HealthRules = {
  path: '/healthz',
  expect: [{ from: 200, to: 299 }],
  intervalMs: 10_000,
  timeoutMs: 2000,
  healthy: 2,
  unhealthy: 3,
}

interface Given {
  readonly health?: Partial<HealthRules> | undefined
  readonly protocol?: ServiceProtocol
  readonly id?: string
}

function serviceOf(url: string, { health = {}, protocol = 'http1', id = 'orders' }: Given = {}): UpstreamSettings {
  const upstreams = [new URL(url)]
  return { id, upstreams, protocol, maxCalls: 1, timeouts: { connectMs: 5000 }, health: { ...rules, ...health } }
}

/** Services whose checks run when the test says so. */
class Checked {
  readonly timers = new ManualTimers()
  readonly lines: string[] = []
  readonly registry = new TargetRegistry({
    timers: this.timers,
    resolver: { ...systemResolver, resolve: async () => ({ addresses: ['127.0.0.1'], validMs: 1e9 }) },
    log: (level, message, { check }) => this.lines.push(`${level} ${message}: ${check}`),
  })
  #balancers

  constructor(...services: UpstreamSettings[]) {
    this.#balancers = this.registry.replace(services)
    this.registry.watch()
    atEnd(() => this.registry.close())
  }

  /** Services whose names have been resolved to 127.0.0.1. */
  static async resolved(...services: UpstreamSettings[]): Promise<Checked> {
    const checked = new Checked(...services)
    await checked.timers.pass(0)
    return checked
  }

  replace(...services: UpstreamSettings[]): void {
    this.#balancers = this.registry.replace(services)
  }

  get #members() {
    return this.#balancers.flatMap(({ members }) => members)
  }

  get member() {
    return this.#members[0]!
  }

  /** Number of checks that have ended. */
  get ended(): number {
    const counts = this.#members.map(({ state }) => Object.values(state.checks?.counts ?? {}))
    return counts.flat().reduce((sum, count) => sum + count, 0)
  }

  get state() {
    return this.member.stateAt(performance.now(), 0)
  }

  /** Runs one check, and returns its outcome. */
  async check() {
    const before = this.ended
    await this.timers.next()
    await until('the check has ended', () => this.ended > before)
    return this.member.state.checks!.last!
  }
}

test('an upstream is up before its first check, failing after `unhealthy` failed checks, and up after `healthy` passed checks', async () => {
  let code = 503
  const upstream = await startUpstream({
    handler: (_, response) => {
      response.statusCode = code
      response.end()
    },
  })
  const checked = new Checked(serviceOf(upstream.url))
  const states = [checked.state]
  const check = async (statusCode: number) => {
    code = statusCode
    await checked.check()
    states.push(checked.state)
  }
  for (const statusCode of [503, 503, 200, 503, 503, 503, 200, 503, 200, 200]) await check(statusCode)

  expect(states).toEqual(['up', 'up', 'up', 'up', 'up', 'up', 'failing', 'failing', 'failing', 'failing', 'up'])
  expect(checked.lines).toEqual([
    'warn upstream fails its health checks: status 503, expected 200-299',
    'info upstream passes its health checks again: status 200',
  ])
  expect(checked.member.state.checks!.counts).toEqual({ passed: 4, status: 6, timeout: 0, connection: 0 })
})

test('a health check is one request on a new connection, with the host of the upstream and without any credential', async () => {
  const upstream = await startUpstream()
  const checked = new Checked(serviceOf(upstream.url, { health: { path: '/healthz?deep=1' } }))
  await checked.check()
  await checked.check()

  expect(upstream.connections).toBe(2)
  const { method, url, fields } = upstream.requests[0]!
  expect({ method, url, fields }).toEqual({
    method: 'GET',
    url: '/healthz?deep=1',
    fields: [
      ['host', `127.0.0.1:${upstream.port}`],
      ['connection', 'keep-alive'],
      ['user-agent', 'gatehouse-health-check'],
      ['accept', '*/*'],
    ],
  })
})

const statusLine = 'HTTP/1.1 200 OK\r\n'

test.each([
  ['a status in expect', 'HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n', 'passed', 'status 401'],
  ['another status', 'HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n', 'status', 'status 302, expected 200-299, 401'],
  ['a body above 16 KiB', `${statusLine}content-length: 100000\r\n\r\n${'x'.repeat(100_000)}`, 'passed', 'status 200'],
  ['an invalid head', `${statusLine}a b: c\r\n\r\n`, 'connection', undefined],
  ['no reply, but the end of the connection', '', 'connection', undefined],
])('the result of a health check whose reply has %s is `%3$s`', async (_, reply, result, detail) => {
  const upstream = await rawUpstream(async (wire) => {
    await wire.until('\r\n\r\n')
    await wire.send(reply)
  })
  const expected = [
    { from: 200, to: 299 },
    { from: 401, to: 401 },
  ]
  const outcome = await new Checked(serviceOf(upstream.url, { health: { expect: expected } })).check()

  expect(outcome).toEqual({ result, detail: detail ?? expect.stringContaining(upstream.url) })
})

test('the result of a health check of an upstream that refuses connections is `connection`', async () => {
  const checked = new Checked(serviceOf(`http://127.0.0.1:${freePort()}`))

  expect(await checked.check()).toMatchObject({ result: 'connection', detail: expect.stringContaining('ECONNREFUSED') })
})

test('a health check without a reply ends after its timeout, and its connection is closed', async () => {
  const upstream = await startUpstream({ handler: () => undefined })
  const checked = new Checked(serviceOf(upstream.url))
  await checked.timers.next()
  await until('the request has arrived', () => upstream.requests.length === 1)
  await checked.timers.next()
  await until('the check has ended', () => checked.ended === 1)

  expect(checked.member.state.checks!.last).toEqual({ result: 'timeout', detail: 'no reply within 2000 ms' })
  await upstream.requests[0]!.over
  await until('the connection is closed', () => upstream.requests[0]!.aborted)
})

test('if the reply to a health check has begun and not ended at its timeout, the status of the reply decides the result', async () => {
  const upstream = await startUpstream({ handler: (_, response) => void response.write('begun') })
  const check = new HealthCheck(rules, new Http1Target(new URL(upstream.url), 5000, 1))
  const begun = Promise.withResolvers<void>()
  const onData = check.onData.bind(check)
  check.onData = (chunk) => {
    begun.resolve()
    return onData(chunk)
  }
  const outcome = check.run()
  await begun.promise
  check.timeOut()

  expect(await outcome).toEqual({ result: 'passed', detail: 'status 200' })
})

test('health checks neither use nor need the calls that `max_calls` allows, and change no other state of the upstream', async () => {
  const upstream = await startUpstream({
    handler: ({ url }, response) => {
      if (url === '/healthz') response.writeHead(503).end()
    },
  })
  const checked = new Checked(serviceOf(upstream.url))
  const held = send(checked.member.target)
  await until('the call has arrived', () => upstream.requests.length === 1)
  expect((await called(checked.member.target)).fault?.reason).toBe('upstream-full')

  for (let n = 0; n < 3; n++) expect((await checked.check()).result).toBe('status')
  expect(checked.state).toBe('failing')
  expect(checked.member.target).toMatchObject({ calls: 1, connections: 1, health: { errorsInRow: 0 } })
  held.call.abort()
})

test('at most 64 health checks of a node run at the same time', async () => {
  const release = Promise.withResolvers<void>()
  let open = 0
  let most = 0
  const upstream = await startUpstream({
    handler: async (_, response) => {
      most = Math.max(most, ++open)
      await release.promise
      open--
      response.end()
    },
  })
  const services = Array.from({ length: 80 }, (_, n) =>
    serviceOf(upstream.url, { id: `s${n}`, health: { intervalMs: 3_600_000 } }),
  )
  const checked = new Checked(...services)
  // The first checks of all upstreams are due within a second, which is earlier than the first timeout.
  await checked.timers.pass(1000)
  await until('64 checks have arrived', () => open === 64)
  release.resolve()
  await until('all checks have passed', () => checked.ended === 80)

  expect(most).toBe(64)
})

test('a policy change keeps state and timer of an upstream with unchanged health rules, and ends the checks of a removed service', async () => {
  const upstream = await startUpstream({ handler: (_, response) => void response.writeHead(500).end() })
  const service = serviceOf(upstream.url, { health: { unhealthy: 1 } })
  const checked = new Checked(service, serviceOf(upstream.url, { id: 'removed' }))
  await checked.timers.pass(1000)
  await until('both upstreams were checked', () => checked.ended === 2)
  await until('both next checks are planned', () => checked.timers.waiting === 2)

  checked.replace(service)
  expect(checked.state).toBe('failing')
  expect(checked.timers.waiting).toBe(1)

  checked.replace({ ...service, health: undefined })
  expect(checked.state).toBe('up')
  expect(checked.timers.waiting).toBe(0)
})

test('the result of a health check is ignored if the policy removed `health` from the service during the check', async () => {
  const upstream = await startUpstream({ handler: () => undefined })
  const service = serviceOf(upstream.url, { health: { unhealthy: 1 } })
  const checked = new Checked(service)
  await checked.timers.next()
  await until('the request has arrived', () => upstream.requests.length === 1)

  checked.replace({ ...service, health: undefined })
  await checked.timers.next()
  await upstream.requests[0]!.over
  expect(checked).toMatchObject({ ended: 0, state: 'up', lines: [] })
  expect(checked.timers.waiting).toBe(0)
})

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-health-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const authority = await CertificateAuthority.create('authority')
const certificate = await authority.issue({ names: ['localhost'] })
const caFile = join(folder, 'ca.pem')
writeFileSync(caFile, authority.cert)
const upstreamTls = {
  caFile,
  certFile: undefined,
  key: undefined,
  serverName: undefined,
  minVersion: 'TLSv1.2',
} as const

test('a health check of an https upstream verifies its certificate with `upstream_tls` of the service', async () => {
  const server = createServer(certificate, (_, response) => response.end())
  atEnd(() => server.closeAllConnections())
  const service = serviceOf(`https://localhost:${await listen(server)}`)

  const trusting = await Checked.resolved({ ...service, upstreamTls })
  expect(await trusting.check()).toEqual({ result: 'passed', detail: 'status 200' })
  expect(await (await Checked.resolved(service)).check()).toMatchObject({
    result: 'connection',
    detail: expect.stringContaining('certificate'),
  })
})

test.each(['h2c', 'h2'] as const)(
  'an upstream with protocol %s is checked over a new HTTP/2 connection',
  async (protocol) => {
    const service = await Http2Service.start({
      ...(protocol === 'h2' && { server: certificate }),
      onStream: ({ stream }) => stream.respond({ ':status': 204 }, { endStream: true }),
    })
    const url = service.url.replace('127.0.0.1', 'localhost')
    const checked = await Checked.resolved({
      ...serviceOf(url, { protocol }),
      ...(protocol === 'h2' && { upstreamTls }),
    })

    expect(await checked.check()).toEqual({ result: 'passed', detail: 'status 204' })
    await checked.check()
    const [first, second] = service.received
    expect(first!.head).toMatchObject({ ':path': '/healthz', ':authority': new URL(url).host })
    expect([first!.session, second!.session]).toEqual([0, 1])
    await until('the connections are closed', () => service.sessions.every(({ destroyed }) => destroyed))
  },
)

/** Starts a gRPC server with `grpc.health.v1.Health`. @param reply  message of its replies; `undefined`: NOT_FOUND */
async function grpcServer(reply: Buffer | undefined, name = 'Health'): Promise<string> {
  const bytes = (message: Buffer): Buffer => message
  const [requestSerialize, requestDeserialize] = [bytes, bytes]
  const [responseSerialize, responseDeserialize] = [bytes, bytes]
  const path = `/grpc.health.v1.${name}/Check`
  const stream = { requestStream: false, responseStream: false }
  const Check = { path, ...stream, requestSerialize, requestDeserialize, responseSerialize, responseDeserialize }
  const check: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    // The empty message asks for the health of the whole server.
    if (call.request.length > 0 || reply === undefined) callback({ code: status.NOT_FOUND })
    else callback(null, reply)
  }
  const server = new Server()
  server.addService({ Check }, { Check: check })
  atEnd(() => server.forceShutdown())
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(`http://127.0.0.1:${port}`) : reject(error),
    )
  })
}

test.each([
  ['SERVING', Buffer.from([8, 1]), 'Health', { result: 'passed', detail: 'SERVING' }],
  ['NOT_SERVING', Buffer.from([8, 2]), 'Health', { result: 'status', detail: 'the service is not SERVING' }],
  ['UNKNOWN', Buffer.alloc(0), 'Health', { result: 'status', detail: 'the service is not SERVING' }],
  ['NOT_FOUND', undefined, 'Health', { result: 'status' }],
  ['no health service', Buffer.from([8, 1]), 'Other', { result: 'status' }],
] as const)(
  'without a path, a health check calls grpc.health.v1.Health/Check; for the reply %s, the outcome is %o',
  async (_, reply, name, outcome) => {
    const url = await grpcServer(reply, name)
    const health = { path: undefined, expect: [{ from: 200, to: 200 }] }

    expect(await new Checked(serviceOf(url, { protocol: 'h2c', health })).check()).toMatchObject(outcome)
  },
)
