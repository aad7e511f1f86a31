import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { within } from './deadline.ts'

/** A JSON line of a node's log. */
export type LogRecord = Readonly<Record<string, unknown>>

const keptLines = 50_000

/** The lines that a process writes to a stream: all as text, and lines with a JSON object as records. */
export class LogLines {
  readonly text: string[] = []
  readonly records: LogRecord[] = []
  readonly #waiting = new Set<(record: LogRecord) => void>()

  /** @param stream  stream to read the lines from; without it, the owner calls `add` */
  constructor(stream?: Readable) {
    if (stream !== undefined) createInterface({ input: stream }).on('line', (line) => this.add(line))
  }

  /** Returns the first record, past or future, that matches `wanted`. Throws when no record matches within `limitMs`. */
  async find(wanted: (record: LogRecord) => boolean, what: string, limitMs: number): Promise<LogRecord> {
    const known = this.records.find(wanted)
    if (known !== undefined) return known

    const { promise, resolve } = Promise.withResolvers<LogRecord>()
    const look = (record: LogRecord) => {
      if (wanted(record)) resolve(record)
    }
    this.#waiting.add(look)
    const late = () => `${what}; the last lines are\n${this.text.slice(-20).join('\n')}`
    return within(limitMs, late, promise).finally(() => this.#waiting.delete(look))
  }

  add(line: string): void {
    if (this.text.length === keptLines) throw new Error(`more than ${keptLines} lines of log in one test`)
    this.text.push(line)
    const record = parsed(line)
    if (record === undefined) return
    this.records.push(record)
    for (const look of this.#waiting) look(record)
  }
}

function parsed(line: string): LogRecord | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
