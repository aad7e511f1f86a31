import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { expect, test } from 'vitest'
import { exported } from '../../../gateway/telemetry/otlp/exported.ts'
import { atEnd } from '../../kit/cleanup.ts'

test('a receiver that answers byte by byte for good does not hold up what comes after', async () => {
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
  const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${port}/v1/traces`, timeoutMillis: 2000 })

  await expect(exported(exporter, [], 4000)).rejects.toThrow('the receiver did not complete its reply in time')
})
