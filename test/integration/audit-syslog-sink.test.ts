import { expect, test } from 'vitest'
import { AuditWriter } from '../kit/audit-writer.ts'
import { testRedis } from '../kit/redis.ts'
import { startShipping } from '../kit/shipping-worker.ts'
import { syslogReceiver } from '../kit/syslog-receiver.ts'
import { until } from '../kit/until.ts'

// The syslog protocol has no acknowledgements: records that a broken connection may have lost are sent again from the
// audit log.

test('after a syslog connection breaks, a worker sends the audit records that may be lost again, in order', async () => {
  const { port } = await testRedis()
  const writer = new AuditWriter(port)
  const receiver = await syslogReceiver()
  const tls = { ca: receiver.caFile, server_name: 'localhost' }
  await startShipping(port, { siem: { type: 'syslog', address: `127.0.0.1:${receiver.port}`, tls, resend: 60 } })
  await writer.write(20)
  const ids = () => [...new Set(receiver.messages.map(({ parameters }) => parameters['id']))]
  await until('the first records', () => ids().length === 20)

  receiver.breakAfter = 25
  await writer.write(50)
  await until('the sink has connected again', () => receiver.connections >= 2)
  receiver.breakAfter = Number.POSITIVE_INFINITY
  await until('the receiver has all records', () => ids().length === 70)
  expect(ids()).toEqual(writer.ids)
})
