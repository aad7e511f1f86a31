import { below, type HttpFormat, httpFormatKind } from './http-format.ts'
import type { ShippedRecord } from './sink.ts'

/** Request format for audit sinks: Splunk HTTP Event Collector. */
export const splunk = httpFormatKind({
  preset: 'splunk',
  description:
    'requests for the Splunk HTTP Event Collector, sent to `url` with the path `/services/collector/event` appended',
  settings: {},
  open: ({ url }): HttpFormat => ({
    url: below(url, '/services/collector/event'),
    headers: { 'content-type': 'application/json' },
    tokenScheme: 'Splunk',
    body: (records) => records.map(event).join('\n'),
  }),
})

function event({ line, record }: ShippedRecord): string {
  const { time, 'gatehouse.node': host = 'gatehouse' } = record
  const seconds = (Date.parse(time) / 1000).toFixed(3)
  const head = `"time":${seconds},"host":${JSON.stringify(host)},"source":"gatehouse","sourcetype":"gatehouse:audit"`
  return `{${head},"event":${line}}`
}
