import type { OutgoingHttpHeaders } from 'node:http2'
import { connectionFields } from './connection-fields.ts'
import type { Trailers } from './target.ts'

/**
 * Converts trailers into the form that Node.js sends. Several trailers with one name stay separate fields. Fields that
 * Node.js refuses are omitted: Node.js sends trailers from an event handler, where its error would end the process.
 */
export function trailerFields(trailers: Trailers = []): OutgoingHttpHeaders {
  const fields: Record<string, string[]> = Object.create(null)
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i]!
    if (connectionFields.has(name)) continue
    fields[name] = [...(fields[name] ?? []), trailers[i + 1]!]
  }
  return fields
}
