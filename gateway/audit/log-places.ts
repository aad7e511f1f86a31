import { isEntryId } from './log-reader.ts'

/**
 * Position in one shard of the audit log: an entry id, and the number of records of this entry up to the position.
 * Without a number the position is after all records of the entry.
 */
export interface LogPlace {
  readonly id: string
  readonly records?: number
}

/** Positions in all shards of the audit log; `undefined` for a shard (Redis stream) that has not been read yet. */
export type LogPlaces = readonly (LogPlace | undefined)[]

/** Encodes positions in the audit log as one word, which a caller can send back to continue. */
export function placesText(places: LogPlaces): string {
  return places.map((place) => (place === undefined ? '-' : `${place.id}${suffix(place)}`)).join('_')
}

function suffix({ records }: LogPlace): string {
  return records === undefined ? '' : `.${records}`
}

/**
 * Decodes positions that `placesText` has encoded.
 *
 * @returns positions in the log; `undefined` when the text is malformed or has another number of shards
 */
export function readPlaces(text: string, shards: number): LogPlaces | undefined {
  const words = text.split('_')
  if (words.length !== shards) return undefined
  const places: (LogPlace | undefined)[] = []
  for (const word of words) {
    if (word === '-') {
      places.push(undefined)
      continue
    }
    const [id = '', records] = word.split('.', 2)
    if (!isEntryId(id) || (records !== undefined && !/^\d{1,5}$/.test(records))) return undefined
    places.push(records === undefined ? { id } : { id, records: Number(records) })
  }
  return places
}
