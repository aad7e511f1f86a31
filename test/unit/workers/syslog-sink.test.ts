import { expect, test } from 'vitest'
import { fc } from '../../kit/properties.ts'
import { shippedBatch, shippedRecord, sinkOf } from '../../kit/shipped.ts'
import { syslogReceiver } from '../../kit/syslog-receiver.ts'
import { until } from '../../kit/until.ts'

// RFC 5424 syslog over TLS (RFC 5425), in which the receiver never confirms a message.

const receiver = await syslogReceiver()
const entry = {
  type: 'syslog',
  address: `127.0.0.1:${receiver.port}`,
  tls: { ca: receiver.caFile, server_name: 'localhost' },
  timeout: '2s',
  resend: 7,
}

test('the syslog sink sends an audit record as a message with structured data and the complete record as JSON', async () => {
  const members = {
    'gatehouse.decision': 'refused',
    'gatehouse.reason': 'scope-missing',
    'user.id': 'a"\\]\n\u001b[31mü',
  }
  await sinkOf(entry).send([{ records: [shippedRecord(1, members)], seal: undefined }])
  await until('the message', () => receiver.messages.length === 1)

  expect(receiver.messages[0]).toEqual({
    priority: 13 * 8 + 4,
    time: '2030-01-31T12:00:00.250Z',
    host: 'node-1',
    app: 'gatehouse',
    msgid: 'exchange',
    sdId: 'gatehouse@32473',
    parameters: {
      id: 'node-1.abc-1',
      decision: 'refused',
      reason: 'scope-missing',
      subject: 'a"\\]\\u000a\\u001b[31mü',
    },
    text: shippedRecord(1, members).line,
  })
})

test('a receiver can parse the messages of the syslog sink, whatever text the fields contain', async () => {
  const sink = sinkOf(entry)
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), async (value) => {
      receiver.messages.length = 0
      await sink.send([{ records: [shippedRecord(1, { 'user.id': value, 'gatehouse.node': value })], seal: undefined }])
      await until('the message', () => receiver.messages.length === 1)
      expect(JSON.parse(receiver.messages[0]!.text)['user.id']).toBe(value)
    }),
    { numRuns: 100 },
  )
})

test('at its first delivery and after a broken connection, the syslog sink counts the records that it sent last as possibly lost, and then connects again', async () => {
  const sink = sinkOf(entry)
  await sink.send([shippedBatch(3)])
  expect(sink.doubt).toEqual({ records: 7, times: 1 })

  receiver.breakAfter = 0
  await receiver.close()
  await until('the sink has counted a second interruption', () => sink.doubt!.times === 2)
  await expect(sink.send([shippedBatch(1)])).rejects.toThrow('ECONNREFUSED')
  await receiver.listen(receiver.port)
  receiver.breakAfter = Number.POSITIVE_INFINITY
  receiver.messages.length = 0
  await sink.send([shippedBatch(2)])
  await until('the messages', () => receiver.messages.length === 2)
})

test.each([
  ['whose certificate is not trusted', { ca: undefined }],
  ['whose certificate has another name', { server_name: 'elsewhere.example' }],
])('the syslog sink sends nothing to a receiver %s', async (_, tls) => {
  const before = receiver.messages.length
  const sink = sinkOf({ ...entry, tls: { ...entry.tls, ...tls } })

  await expect(sink.send([shippedBatch(1)])).rejects.toThrow(/self-signed|does not match/)
  expect(receiver.messages.length).toBe(before)
})
