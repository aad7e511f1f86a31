import { type HttpFormat, httpFormatKind } from './http-format.ts'

/** Request format NDJSON for audit sinks: each record unchanged, one record per line. */
export const ndjson = httpFormatKind({
  preset: 'ndjson',
  description: 'one audit record per line, sent to `url` itself',
  settings: {},
  open: ({ url }): HttpFormat => ({
    url,
    headers: { 'content-type': 'application/x-ndjson' },
    tokenScheme: 'Bearer',
    body: (records) => records.map(({ line }) => `${line}\n`).join(''),
  }),
})
