import { expect, test } from 'vitest'
import { httpReceiver } from '../../kit/http-receiver.ts'
import { idsOf, shippedBatch, sinkOf } from '../../kit/shipped.ts'

// The reply of an HTTP receiver decides what happens to the audit records: delivered, sent again, or rejected as dead
// letters.

const receiver = await httpReceiver()

test.each([
  { auth: { token: { env: 'SECRET' } }, field: 'authorization', value: 'Bearer s3cret' },
  { auth: { token: { env: 'SECRET' } }, preset: 'splunk', field: 'authorization', value: 'Splunk s3cret' },
  { auth: { username: 'u', password: { env: 'SECRET' } }, field: 'authorization', value: 'Basic dTpzM2NyZXQ=' },
  { auth: { header: 'X-Api-Key', value: { env: 'SECRET' } }, field: 'x-api-key', value: 's3cret' },
])(
  'an HTTP sink (receiver of audit records) gets its credential as $field: $value',
  async ({ auth, preset = 'ndjson', field, value }) => {
    receiver.answer = () => ({ status: 200 })
    await sinkOf({ type: 'http', preset, url: receiver.url, auth }, { SECRET: 's3cret' }).send([shippedBatch(1)])

    expect(receiver.received.at(-1)!.headers[field]).toBe(value)
  },
)

test('an HTTP sink sends records unchanged, in order, and with at most the configured number of records per request', async () => {
  receiver.answer = () => ({ status: 200 })
  receiver.received.length = 0
  await sinkOf({ type: 'http', url: `${receiver.url}/in`, records: 40 }).send([shippedBatch(60), shippedBatch(30)])

  expect(receiver.received.map(({ target, text }) => [target, text.trimEnd().split('\n').length])).toEqual([
    ['/in', 40],
    ['/in', 40],
    ['/in', 10],
  ])
  expect(receiver.received[0]!.headers).toMatchObject({
    'content-encoding': 'gzip',
    'content-type': 'application/x-ndjson',
  })
  expect(receiver.received[0]!.text.split('\n')[1]).toBe(shippedBatch(2).records[1]!.line)
})

test.each([400, 413, 422])(
  'when the receiver rejects a request with status %i because of some records, the HTTP sink finds the rejected records and delivers the others',
  async (status) => {
    receiver.answer = ({ text }) => (/poison/.test(text) ? { status, body: 'poison\n in it' } : { status: 200 })
    receiver.taken.length = 0
    const members = (number: number): Record<string, string> => (number % 20 === 7 ? { 'url.path': '/poison' } : {})
    const refused = await sinkOf({ type: 'http', url: receiver.url }).send([shippedBatch(50, members)])

    expect(idsOf(refused)).toEqual(['node-1.abc-7', 'node-1.abc-27', 'node-1.abc-47'])
    expect(refused[0]!.reason).toBe(`the audit receiver replied ${status} poison in it`)
    expect(receiver.taken.map(({ id }) => id)).toEqual(
      shippedBatch(50).records.flatMap(({ record }, i) => ((i + 1) % 20 === 7 ? [] : [record.id])),
    )
  },
)

test.each([
  [401, {}],
  [404, {}],
  [429, { 'retry-after': '7' }],
  [500, {}],
  [503, {}],
])(
  'a reply with status %i makes the whole delivery to an HTTP sink fail, and the error contains no credential',
  async (status, fields) => {
    receiver.answer = () => ({ status, fields, body: 'the token s3cret is not good' })
    const sink = sinkOf({ type: 'http', url: receiver.url, auth: { token: { env: 'SECRET' } } }, { SECRET: 's3cret' })
    const fault = await sink.send([shippedBatch(3)]).catch((error: unknown) => error)

    expect(fault).toMatchObject({ name: 'SinkFault', retryAfterMs: 'retry-after' in fields ? 7000 : 0 })
    expect((fault as Error).message).toContain(`replied ${status}`)
    expect((fault as Error).message).not.toContain('s3cret')
  },
)

test('an HTTP sink follows no redirect, and gives up on a receiver that does not reply within the timeout', async () => {
  const other = await httpReceiver()
  receiver.answer = () => ({ status: 307, fields: { location: other.url } })
  const sink = sinkOf({ type: 'http', url: receiver.url, timeout: '2s' })
  await expect(sink.send([shippedBatch(1)])).rejects.toThrow('redirects are not followed')
  expect(other.received).toEqual([])

  receiver.answer = () => ({ status: 200, delayMs: 5000 })
  await expect(sink.send([shippedBatch(1)])).rejects.toThrow(/timeout/)
})

test('the Elasticsearch sink handles each item of a bulk reply by its own status: delivered, sent again or rejected', async () => {
  let busy = 2
  receiver.received.length = 0
  receiver.answer = ({ text }) => {
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const items = lines
      .filter((_, i) => i % 2 === 0)
      .map(({ create }) => ({ create: { status: statusOf(create._id) } }))
    return { status: 200, body: JSON.stringify({ errors: true, items }) }
  }
  const statusOf = (id: string): number => {
    if (id.endsWith('-2')) return 409
    if (id.endsWith('-3')) return busy-- > 0 ? 429 : 201
    return id.endsWith('-4') ? 400 : 201
  }
  const sink = sinkOf({ type: 'http', preset: 'elasticsearch', url: `${receiver.url}/es/`, index: 'audit' })
  const refused = await sink.send([shippedBatch(5)])

  expect(idsOf(refused)).toEqual(['node-1.abc-4'])
  expect(receiver.received.map(({ target }) => target)).toEqual(
    Array(3).fill('/es/audit/_bulk?filter_path=errors,items.*.status,items.*.error'),
  )
  const [first, second] = receiver.received.map(({ text }) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  )
  expect(first!.slice(0, 2)).toEqual([
    { create: { _id: 'node-1.abc-1' } },
    { '@timestamp': '2030-01-31T12:00:00.250Z', ...shippedBatch(1).records[0]!.record },
  ])
  expect(second!.map(({ create }) => create?._id)).toEqual(['node-1.abc-3', undefined])
})

test.each([
  ['not a bulk reply', '<html>'],
  ['a bulk reply about fewer items', '{"errors":true,"items":[]}'],
])('the OpenSearch sink fails a delivery whose reply is %s', async (_, body) => {
  receiver.answer = () => ({ status: 200, body })

  await expect(
    sinkOf({ type: 'http', preset: 'opensearch', url: receiver.url }).send([shippedBatch(2)]),
  ).rejects.toThrow('with an unexpected body')
})

test('the Loki sink sends one stream per kind and decision, with timestamps in ns', async () => {
  receiver.answer = () => ({ status: 204 })
  const members = (number: number) => ({
    'gatehouse.decision': number === 2 ? 'refused' : 'admitted',
    'user.id': `u${number}`,
  })
  const batch = shippedBatch(3, members)
  await sinkOf({ type: 'http', preset: 'loki', url: receiver.url }).send([batch])

  const at = '1896091200250000000'
  const labels = { service_name: 'gatehouse', kind: 'exchange' }
  expect(receiver.received.at(-1)!.target).toBe('/loki/api/v1/push')
  expect(JSON.parse(receiver.received.at(-1)!.text)).toEqual({
    streams: [
      {
        stream: { ...labels, decision: 'admitted' },
        values: [
          [at, batch.records[0]!.line],
          [at, batch.records[2]!.line],
        ],
      },
      { stream: { ...labels, decision: 'refused' }, values: [[at, batch.records[1]!.line]] },
    ],
  })
})

test('the Splunk sink sends one event per record, with its time and host', async () => {
  receiver.answer = () => ({ status: 200, body: '{"text":"Success","code":0}' })
  await sinkOf({ type: 'http', preset: 'splunk', url: receiver.url }).send([shippedBatch(2)])

  const [first] = receiver.received.at(-1)!.text.split('\n')
  expect(receiver.received.at(-1)!.target).toBe('/services/collector/event')
  expect(JSON.parse(first!)).toEqual({
    time: 1896091200.25,
    host: 'node-1',
    source: 'gatehouse',
    sourcetype: 'gatehouse:audit',
    event: shippedBatch(1).records[0]!.record,
  })
})
