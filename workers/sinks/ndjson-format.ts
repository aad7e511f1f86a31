import type { HttpFormat } from './http-format.ts'

/** Records as they are, one a line. */
export function ndjsonFormat(url: URL): HttpFormat {
  return {
    url,
    headers: { 'content-type': 'application/x-ndjson' },
    tokenScheme: 'Bearer',
    body: (records) => records.map(({ line }) => `${line}\n`).join(''),
  }
}
