import { isEntryId } from './log-reader.ts'

/**
 * Position in one shard: an entry id, and the number of its records up to the position. Without a number the position
 * is after all records of the entry.
 */
export interface LogPlace {
  readonly id: string
  readonly records?: number
}

/** Positions in all shards of the log; `undefined` for a shard without a position yet. */
export type LogPlaces = readonly (LogPlace | undefined)[]

/** Encodes the positions as one word that callers send back. */
export function placesText(places: LogPlaces): string {
  return places.map((place) => (place === undefined ? '-' : `${place.id}${suffix(place)}`)).join('_')
}

function suffix({ records }: LogPlace): string {
  return records === undefined ? '' : `.${records}`
}

/** @returns `undefined` when the text is malformed or was made for another number of shards */
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
