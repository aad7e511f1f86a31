import type { Expiry } from '../base/expiries.ts'
import { type DocumentPath, formatPath } from './problem.ts'
import { text } from './text-schemas.ts'

const form = 'a date such as 2030-01-31, or an RFC 3339 time such as 2030-01-31T12:00:00Z'
const pattern = /^(\d{4})-(\d{2})-(\d{2})(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))?$/

/** Schema of the setting `expires` of a secret: the time at which the secret expires, as text. */
export const statedTime = text(form, pattern).refine((written) => parseStatedTime(written) !== undefined, {
  error: `must be ${form}`,
})

/**
 * Parses the time or date of the setting `expires`. Returns ms since the Unix epoch; a date means its start in UTC.
 * Returns `undefined` for a date that does not exist.
 */
export function parseStatedTime(written: string): number | undefined {
  const [, year, month, day] = pattern.exec(written) ?? []
  if (day === undefined) return undefined
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  if (date.getUTCMonth() !== Number(month) - 1) return undefined
  const ms = Date.parse(written)
  return Number.isNaN(ms) ? undefined : ms
}

/**
 * Lists when secrets of a document expire, by the member `expires` of the references to them (`{ env }` or `{ file }`).
 * The name of a secret is its path in the document; the id of a key stands for its position in a list.
 */
export function statedExpiries(document: unknown): Expiry[] {
  return expiriesIn(document, [], [])
}

function expiriesIn(value: unknown, path: DocumentPath, found: Expiry[]): Expiry[] {
  if (typeof value !== 'object' || value === null) return found
  const { env, file, expires } = value as { env?: unknown; file?: unknown; expires?: unknown }
  if (typeof expires === 'string' && (typeof env === 'string' || typeof file === 'string')) {
    const expiresAtMs = parseStatedTime(expires)
    const kind = path[0] === 'keys' ? 'key' : 'secret'
    const place = kind === 'key' && path.at(-1) === 'secret' ? path.slice(0, -1) : path
    if (expiresAtMs !== undefined) found.push({ kind, name: formatPath(place), expiresAtMs })
    return found
  }
  for (const [key, inner] of Object.entries(value)) {
    expiriesIn(inner, [...path, Array.isArray(value) ? placeIn(inner, Number(key)) : key], found)
  }
  return found
}

/** Returns the name of an entry in a list, for the path of a secret: its id, or else its position. */
function placeIn(entry: unknown, position: number): string | number {
  const id = typeof entry === 'object' && entry !== null ? (entry as { id?: unknown }).id : undefined
  return typeof id === 'string' ? id : position
}
