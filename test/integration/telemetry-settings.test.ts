import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { startOtlpReceiver } from '../kit/otlp-receiver.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/design/contract.md §12: a node applies the standard environment variables of OpenTelemetry, and logs variables
// without effect.

const [receiver, upstream] = await Promise.all([startOtlpReceiver(), startUpstream()])
const policy = publicPolicy({ s: { upstreams: [upstream.url] } })
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }
const all = { OTEL_TRACES_SAMPLER: 'always_on' }

async function run(env: Readonly<Record<string, string>>, settings: Readonly<Record<string, unknown>> = {}) {
  receiver.requests.length = 0
  const node = await startNode({ policy, settings, env })
  await request(node.port, requestBytes({ target: '/s/1' }))
  await node.stop()
  return node
}

const signals = () => [...new Set(receiver.requests.map(({ signal }) => signal))].sort()

test('with OTEL_EXPORTER_OTLP_ENDPOINT, a node sends every signal to the path of the signal, with the configured service name', async () => {
  await run({
    ...endpoint,
    ...all,
    OTEL_SERVICE_NAME: 'edge',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.namespace=shop%20one',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
  })

  expect(signals()).toEqual(['logs', 'metrics', 'traces'])
  for (const { path, signal, headers } of receiver.requests) {
    expect(path).toBe(`/v1/${signal}`)
    expect(headers).toMatchObject({ 'x-tenant': 'blue', 'content-encoding': 'gzip' })
  }
  const resource = {
    'service.name': 'edge',
    'deployment.environment.name': 'test',
    'service.namespace': 'shop one',
    'service.instance.id': 'node-under-test',
  }
  expect(receiver.spans[0]!.resource).toMatchObject(resource)
  expect(receiver.metrics[0]!.resource).toMatchObject(resource)
  expect(receiver.logs[0]!.resource).toMatchObject(resource)
})

test('a node logs an OpenTelemetry variable that has no effect, and does not log the authorization of the receiver', async () => {
  const node = await run(
    { OTEL_BSP_MAX_QUEUE_SIZE: '7', RECEIVER_TOKEN: 'Basic c2VjcmV0OnRva2Vu' },
    { telemetry: { authorization: { env: 'RECEIVER_TOKEN' }, logs: { endpoint: receiver.url } } },
  )

  expect(
    node.log.some(({ msg }) => String(msg).startsWith('Gatehouse ignores the variable OTEL_BSP_MAX_QUEUE_SIZE')),
  ).toBe(true)
  expect(receiver.requests[0]!.headers.authorization).toBe('Basic c2VjcmV0OnRva2Vu')
  expect(JSON.stringify(node.log)).not.toContain('c2VjcmV0')
})
