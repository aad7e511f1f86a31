import { isEntryId } from './log-reader.ts'

/** Of one shard: an entry, and how many of its records; without a number all of them. */
export interface LogPlace {
  readonly id: string
  readonly records?: number
}

/** A place in each shard of the log; `undefined` where there is none yet. */
export type LogPlaces = readonly (LogPlace | undefined)[]

/** As one word, for callers to bring back. */
export function placesText(places: LogPlaces): string {
  return places.map((place) => (place === undefined ? '-' : `${place.id}${suffix(place)}`)).join('_')
}

function suffix({ records }: LogPlace): string {
  return records === undefined ? '' : `.${records}`
}

/** @returns `undefined` for what is no such word, or one of a log with another number of shards */
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
