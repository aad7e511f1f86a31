import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { LogPlaces } from './log-places.ts'
import type { LogReader } from './log-reader.ts'
import { linesOf } from './log-search.ts'
import { type RecordFilter, RecordMatcher } from './record-filter.ts'

/** Records that came, as their lines, with the place behind each: who goes on from there may get some twice. */
export interface FeedLine {
  readonly line: string
  readonly places: LogPlaces
}

const POLL_MS = 250
const READ_ENTRIES = 20

/** Where the log ends now. */
export async function endOfLog(readers: readonly LogReader[]): Promise<LogPlaces> {
  return Promise.all(readers.map(async (reader) => ({ id: await reader.newest() })))
}

/**
 * Wanted records as they come into the log, from a place on, until `signal` says so. Now and then, when there is nothing,
 * `undefined`.
 *
 * @throws {RedisFault} when Redis does not answer
 */
export async function* followLog(
  readers: readonly LogReader[],
  filter: RecordFilter,
  from: LogPlaces,
  signal: AbortSignal,
): AsyncGenerator<FeedLine | undefined> {
  const matcher = new RecordMatcher(filter)
  const places = [...from]
  while (!signal.aborted) {
    let idle = true
    for (const [shard, reader] of readers.entries()) {
      const entries = await reader.after(places[shard]?.id ?? '0-0', READ_ENTRIES)
      for (const entry of entries) {
        // One batch takes about a millisecond, which is what requests may have to wait for it.
        await nextTurn()
        const wanted = linesOf(entry).filter((line) => matcher.match(line) !== undefined)
        const before = [...places]
        places[shard] = { id: entry.id }
        for (const [i, line] of wanted.entries()) {
          yield { line, places: i === wanted.length - 1 ? [...places] : before }
        }
      }
      if (entries.length > 0) idle = false
    }
    if (!idle) continue
    yield undefined
    await sleep(POLL_MS, undefined, { signal }).catch(() => {})
  }
}
