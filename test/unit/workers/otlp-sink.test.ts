import { expect, test } from 'vitest'
import { httpReceiver } from '../../kit/http-receiver.ts'
import { decodeOtlpLogs } from '../../kit/otlp-logs.ts'
import { idsOf, shippedBatch, sinkOf } from '../../kit/shipped.ts'

// The OTLP sink sends logs over HTTP in JSON, as an OpenTelemetry collector reads them.

const collector = await httpReceiver()
const sink = sinkOf({ type: 'otlp', url: `${collector.url}/v1/logs` })

test('the OTLP sink sends an audit record as a log record with all its fields as attributes', async () => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const members = {
    trace_id: trace,
    'http.response.status_code': 403,
    'gatehouse.gate_ms': 0.5,
    'gatehouse.decision': 'refused',
  }
  await sink.send([shippedBatch(2, () => members)])

  const { target, headers, text } = collector.received.at(-1)!
  expect([target, headers['content-type']]).toEqual(['/v1/logs', 'application/json'])
  expect(decodeOtlpLogs(text).length).toBe(2)
  expect(decodeOtlpLogs(text)[0]).toEqual({
    resource: { 'service.name': 'gatehouse', 'service.instance.id': 'node-1' },
    attributes: {
      'log.record.uid': 'node-1.abc-1',
      'gatehouse.decision': 'refused',
      'gatehouse.node': 'node-1',
      'http.response.status_code': 403,
      'gatehouse.gate_ms': 0.5,
    },
    atMs: Date.parse('2030-01-31T12:00:00.250Z'),
    severity: 13,
    event: 'gatehouse.audit.exchange',
    body: 'exchange refused',
    traceId: trace,
  })
})

test.each([
  ['an empty reply', ''],
  ['an empty object', '{}'],
  ['a warning without rejections', '{"partialSuccess":{"errorMessage":"slow down"}}'],
])('the OTLP sink treats %s with status 200 as success', async (_, body) => {
  collector.answer = () => ({ status: 200, body })

  expect(await sink.send([shippedBatch(2)])).toEqual([])
})

test('after a partial success, the OTLP sink reports all records of the request as rejected (dead letters), and does not send any of them again', async () => {
  collector.received.length = 0
  collector.answer = () => ({
    status: 200,
    body: '{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}',
  })
  const refused = await sink.send([shippedBatch(3)])

  expect(idsOf(refused)).toEqual(['node-1.abc-1', 'node-1.abc-2', 'node-1.abc-3'])
  expect(refused[0]!.reason).toBe('the collector rejected 1 of these 3 records: too old')
  expect(collector.received.length).toBe(1)
})

test('the OTLP sink fails a delivery whose reply is not one of an OpenTelemetry collector', async () => {
  collector.answer = () => ({ status: 200, body: '<html>' })

  await expect(sink.send([shippedBatch(1)])).rejects.toThrow('with an unexpected body')
})
