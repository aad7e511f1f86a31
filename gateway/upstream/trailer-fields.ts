import type { OutgoingHttpHeaders } from 'node:http2'
import type { Trailers } from './target.ts'

/** Trailers in the form that Node.js sends. Several trailers with one name stay separate fields. */
export function trailerFields(trailers: Trailers = []): OutgoingHttpHeaders {
  const fields: Record<string, string[]> = Object.create(null)
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i]!
    fields[name] = [...(fields[name] ?? []), trailers[i + 1]!]
  }
  return fields
}
