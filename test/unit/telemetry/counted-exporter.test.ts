import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { expect, test } from 'vitest'
import { Delivery } from '../../../gateway/telemetry/delivery.ts'
import { CountedExporter } from '../../../gateway/telemetry/otlp/counted-exporter.ts'
import { atEnd } from '../../kit/cleanup.ts'

test('the telemetry exporter fails a batch at its deadline even if the receiver keeps sending bytes of its reply', async () => {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-length': 1000 })
    const trickle = setInterval(() => response.write('x'), 20)
    response.on('close', () => clearInterval(trickle))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => server.closeAllConnections())
  atEnd(() => void server.close())
  const { port } = server.address() as AddressInfo
  const reasons: unknown[] = []
  const exporter = new CountedExporter(
    new OTLPTraceExporter({ url: `http://127.0.0.1:${port}/v1/traces`, timeoutMillis: 2000 }),
    new Delivery('spans', (_, __, { reason }) => reasons.push(reason)),
    { items: (batch) => batch.length, deadlineMs: 4000 },
  )

  await new Promise((done) => exporter.export([], done))
  expect(reasons).toEqual(['the telemetry receiver did not complete its reply in time'])
  expect(exporter.busy).toBe(false)
})
