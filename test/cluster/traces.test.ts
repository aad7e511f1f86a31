import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate, opaqueSecrets } from '../kit/opaque-gate.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../kit/otlp-receiver.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import { redisCli } from '../kit/redis-cli.ts'
import { runVerb } from '../kit/run-verb.ts'
import type { NodeOptions, TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startWorker, type TestWorker } from '../kit/worker.ts'

// Recent traces of nodes and workers can be listed without another tracing system, and their number is bounded
// (docs/design/contract.md §10, §11).

const bootstrap = 'bootstrap-token-of-the-traces-tests-001'
const recent = 100
const link = 'https://jaeger.example/trace/{trace_id}'

let issuer: IntrospectionIssuer
let node: TestNode
let worker: TestWorker
let redisPort: number
let receiver: OtlpReceiver
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  issuer = await startIntrospectionIssuer()
  receiver = await startOtlpReceiver()
  redisPort = (await testRedis()).port
  const options: NodeOptions = opaqueGate({
    issuer: issuer.url,
    orders: (await startUpstream()).url,
    redisPort,
    introspection: { cache: '1s', stale: '5s', rate: 1000 },
    settings: {
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
      telemetry: { traces: { endpoint: receiver.url, sample: 1, recent, link } },
    },
  })
  const started = { ...options, env: { ...opaqueSecrets, BOOTSTRAP: bootstrap } }
  ;[node, worker] = await Promise.all([startNode(started), startWorker(started)])
  env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
})

let traces = 0
async function send(target: string, token?: string): Promise<string> {
  const trace = (++traces).toString(16).padStart(32, 'd')
  const fields = [['traceparent', `00-${trace}-00f067aa0ba902b7-01`]] as const
  await request(node.port, requestBytes({ target, fields, ...(token !== undefined && { token }) }))
  return trace
}

interface Listed {
  readonly traces: readonly {
    readonly trace_id: string
    readonly reason: string
    readonly path: string
    readonly link: string
  }[]
}

interface ShownExchange {
  readonly reason: object
  readonly phases: readonly { readonly name: string }[]
  readonly trace: object
  readonly times: { readonly gate_ms: number; readonly total_ms: number }
}

async function list(...words: string[]): Promise<Listed['traces']> {
  const { exitCode, stdout, stderr } = await runVerb(['traces', '--output', 'json', ...words], env)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return (JSON.parse(stdout) as Listed).traces
}

/** Waits until `gatehouse traces` lists the trace. */
async function listed(trace: string): Promise<void> {
  await expect.poll(async () => (await list()).some(({ trace_id }) => trace_id === trace)).toBe(true)
}

test('`gatehouse traces` lists recorded exchanges, newest first, and filters them', async () => {
  const admitted = await send('/orders/1', issuer.issue())
  const refused = await send('/orders/2')
  const unknown = await send('/nowhere?token=hidden')
  await listed(unknown)

  expect((await list()).map(({ trace_id, reason, path }) => [trace_id, reason, path])).toEqual([
    [unknown, 'route-unknown', '/nowhere'],
    [refused, 'credential-missing', '/orders/2'],
    [admitted, 'admitted', '/orders/1'],
  ])
  expect((await list('--limit', '1'))[0]).toMatchObject({ link: `https://jaeger.example/trace/${unknown}` })
  expect((await list('--reason', 'credential-missing')).map(({ trace_id }) => trace_id)).toEqual([refused])
  expect((await list('--decision', 'refused', '--route', 'orders.read')).map(({ trace_id }) => trace_id)).toEqual([
    refused,
  ])
  expect(await list('--min-duration', '1h')).toEqual([])
  expect((await list('--since', '10m')).length).toBe(3)
})

test('`gatehouse traces ID` prints the spans of the trace as a waterfall', async () => {
  const trace = await send('/orders/3', issuer.issue())
  await listed(trace)
  const { stdout } = await runVerb(['traces', trace], env)

  expect(stdout).toMatch(
    new RegExp(`^trace ${trace}\nbegan 20\\S+Z\nhttps://jaeger.example/trace/${trace}\n\nSPAN +STARTS +TOOK\n`),
  )
  const lines = stdout.split('\n').slice(4)
  const always = ['GET /orders/**', '  authenticate', '  limit', '  credential', '  GET']
  const spans = lines.filter((line) => line.includes('━')).map((line) => line.slice(0, line.search(/ +\d/)))
  // On a busy machine other phases can also take long enough to be shown as spans.
  expect(spans.filter((name) => always.includes(name))).toEqual(always)
  expect(stdout).toContain('200 admitted admitted · /orders/3 orders.read node-under-test')
  expect(lines.every((line) => line.length <= 120)).toBe(true)
})

test('the span of a job of a worker links to the exchange that enqueued the job, and `gatehouse traces` shows both together', async () => {
  const token = issuer.issue()
  const sent: string[] = []
  // A request near the end of the cache period of its token enqueues a refresh job.
  await until('the worker has done a job', async () => {
    sent.push(await send('/orders/4', token))
    return worker.done.length > 0
  })
  const trace = String((await worker.waitForLine(({ msg }) => msg === 'job done'))['trace_id'])
  expect(sent).toContain(trace)
  const job = await receiver.waitFor('the span of the job', ({ spans }) =>
    spans.find(({ kind, links }) => kind === 5 && links[0]?.traceId === trace),
  )
  const server = await receiver.waitFor('the span of the exchange', ({ spans }) =>
    spans.find(({ traceId, kind }) => traceId === trace && kind === 2),
  )

  expect(job).toMatchObject({ name: 'process introspect', links: [{ traceId: trace, spanId: server.spanId }] })
  expect(job.traceId).not.toBe(trace)
  expect(job.attributes).toMatchObject({
    'messaging.system': 'bullmq',
    'messaging.destination.name': 'introspect:main',
  })
  expect(job.resource).toMatchObject({ 'service.name': 'gatehouse-worker' })
  await expect.poll(async () => (await runVerb(['traces', trace], env)).stdout).toContain('  process introspect')
})

test('the admin API lists the running workers, and the queues that the policy needs with their jobs and workers', async () => {
  const shown = async () => {
    const reply = await fetch(`${env['GATEHOUSE_ADMIN_URL']}/api/v1/queues`, {
      headers: { authorization: `Bearer ${bootstrap}` },
    })
    return (await reply.json()) as { workers: string[]; queues: { queue: string; workers: number }[] }
  }
  await expect.poll(shown).toMatchObject({
    workers: [expect.any(String)],
    queues: [{ queue: 'introspect:main', workers: 1, failed: 0, last_failure: null }],
  })
})

test('the number of traces in Redis is bounded, and `gatehouse traces` skips invalid entries', async () => {
  for (let i = 0; i < 10; i++) {
    await Promise.all(Array.from({ length: 50 }, () => send('/nowhere')))
    await sleep(520)
  }
  await redisCli(redisPort, 'XADD', 'gh:{traces}:recent', '*', 'spans', '[{"__proto__":{}}]')
  await redisCli(redisPort, 'XADD', 'gh:{traces}:recent', '*', 'x', 'y')
  const length = Number(await redisCli(redisPort, 'XLEN', 'gh:{traces}:recent'))

  // Redis trims the stream of traces in blocks of 100 entries.
  expect(length).toBeLessThanOrEqual(recent + 100)
  expect((await list('--limit', '1000')).length).toBeGreaterThan(0)
  expect(Number(await redisCli(redisPort, 'PTTL', 'gh:{traces}:recent'))).toBeGreaterThan(0)
})

test.each([
  { title: 'the id of an unknown trace', words: ['f'.repeat(32)], exitCode: 1, message: 'GH_ADMIN_TRACE_UNKNOWN' },
  { title: 'a malformed trace id', words: ['../nodes'], exitCode: 2, message: '32 hexadecimal digits' },
  { title: 'a malformed duration', words: ['--min-duration', 'long'], exitCode: 2, message: 'must be a duration' },
  { title: 'a limit above 1000', words: ['--limit', '5000'], exitCode: 1, message: 'a number from 1 to 1000' },
])('`gatehouse traces` with $title exits with $exitCode and an error message', async ({ words, exitCode, message }) => {
  const run = await runVerb(['traces', ...words], env)

  expect(run.exitCode).toBe(exitCode)
  expect(run.stderr).toContain(message)
})

test('`gatehouse exchange` shows the reason of a request in words, what to do first, its phases and its sealed record', async () => {
  const trace = (++traces).toString(16).padStart(32, 'd')
  const fields = [['traceparent', `00-${trace}-00f067aa0ba902b7-01`]] as const
  const shown = async (token?: string) => {
    const reply = await request(
      node.port,
      requestBytes({ target: '/orders/9', fields, ...(token !== undefined && { token }) }),
    )
    const id = reply.field('x-request-id')!
    const run = async (...words: string[]) => (await runVerb(['exchange', id, ...words], env)).stdout
    await until('the trace and the record of the exchange are stored', async () => {
      const text = await run('--output', 'json')
      return text !== '' && JSON.parse(text).trace.recorded === true
    })
    return { text: await run(), json: async () => JSON.parse(await run('--output', 'json')) as ShownExchange }
  }

  const refused = await shown()
  expect(refused.text.split('\n')).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^refused 401 credential-missing: the request has no credential/),
      expect.stringMatching(/^do first +send the header field Authorization: Bearer TOKEN/),
      expect.stringMatching(/^phases +read-credential {2}after [\d.]+ ms for [\d.]+ ms/),
      expect.stringMatching(new RegExp(`^trace +${trace}: gatehouse traces ${trace}, https://jaeger\\.example/`)),
      expect.stringMatching(/^record .*: number \d+ of chain .*, unchanged/),
    ]),
  )
  // Another exchange of the same trace has its own phases.
  const admitted = await (await shown(issuer.issue())).json()
  expect(admitted.reason).toMatchObject({ name: 'admitted', remedy: null })
  expect(admitted.phases.map(({ name }) => name)).toContain('upstream')
  expect((await refused.json()).phases.map(({ name }) => name)).toEqual(['read-credential'])
  expect(admitted.trace).toEqual({ trace_id: trace, recorded: true, link: `https://jaeger.example/trace/${trace}` })
  expect(admitted.times.total_ms).toBeGreaterThanOrEqual(admitted.times.gate_ms)
})
