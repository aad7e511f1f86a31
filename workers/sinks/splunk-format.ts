import { below, type HttpFormat } from './http-format.ts'
import type { ShippedRecord } from './sink.ts'

/** Events for the HTTP Event Collector of Splunk. */
export function splunkFormat(base: URL): HttpFormat {
  return {
    url: below(base, '/services/collector/event'),
    headers: { 'content-type': 'application/json' },
    tokenScheme: 'Splunk',
    body: (records) => records.map(event).join('\n'),
  }
}

function event({ line, record }: ShippedRecord): string {
  const { time, 'gatehouse.node': host = 'gatehouse' } = record
  const seconds = (Date.parse(time) / 1000).toFixed(3)
  const head = `"time":${seconds},"host":${JSON.stringify(host)},"source":"gatehouse","sourcetype":"gatehouse:audit"`
  return `{${head},"event":${line}}`
}
