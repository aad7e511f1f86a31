// A receiver of audit records in its own process: `node sink.ts PORT`. It reports the request ids of the records before
// it acknowledges them.

import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import type { SinkReport } from './reports.ts'

const server = createServer(async (request, response) => {
  try {
    const raw = await buffer(request)
    const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString()
    const records = text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    const ids = records.flatMap((record) => record['gatehouse.request.id'] ?? []).map(String)
    process.send?.({ kind: 'records', ids } satisfies SinkReport, () => response.writeHead(200).end('{}'))
  } catch {
    response.destroy()
  }
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.({ kind: 'ready' } satisfies SinkReport))
