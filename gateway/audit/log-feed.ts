import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { LogPlaces } from './log-places.ts'
import type { LogReader } from './log-reader.ts'
import { linesOf } from './log-search.ts'
import { type RecordFilter, RecordMatcher } from './record-filter.ts'

/**
 * Line of an audit record, with its place in the log. A caller can resume at this place after an interruption, and may
 * then receive some records twice.
 */
export interface FeedLine {
  readonly line: string
  readonly places: LogPlaces
}

const POLL_MS = 250
const READ_ENTRIES = 20

/** Returns the current end of the audit log in each shard. */
export async function endOfLog(readers: readonly LogReader[]): Promise<LogPlaces> {
  return Promise.all(readers.map(async (reader) => ({ id: await reader.newest() })))
}

/**
 * Yields new audit records that match the filter, starting at the place `from` in the log, until `signal` aborts. Polls
 * the log every 250 ms, and yields `undefined` after each poll without new entries.
 *
 * @throws {RedisFault} when Redis does not reply
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
        // Unpacking one audit batch takes about 1 ms. Yielding before each batch limits the delay of requests to that
        // time.
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
