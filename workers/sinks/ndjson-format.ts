import type { HttpFormat } from './http-format.ts'

/** NDJSON: each record unchanged, one per line. */
export function ndjsonFormat(url: URL): HttpFormat {
  return {
    url,
    headers: { 'content-type': 'application/x-ndjson' },
    tokenScheme: 'Bearer',
    body: (records) => records.map(({ line }) => `${line}\n`).join(''),
  }
}
