import { prettyValue } from '../base/pretty-text.ts'
import type { LineWriter } from './line-writer.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const rank: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

/** One entry of the node's log. */
export interface NodeLogEntry {
  /** Time at which the entry was logged, ms since the Unix epoch. */
  readonly timeMs: number
  readonly level: LogLevel
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/**
 * Operational log of the node: one JSON object, or one human-readable line, per entry. Exchanges are logged in the
 * access log instead.
 */
export class NodeLog {
  readonly #lines: LineWriter
  readonly #format: 'json' | 'pretty'
  readonly #least: number
  readonly #node: string
  #copy: { add(entry: NodeLogEntry): void } | undefined

  constructor(lines: LineWriter, options: { format: 'json' | 'pretty'; level: LogLevel; node: string }) {
    this.#lines = lines
    this.#format = options.format
    this.#least = rank[options.level]
    this.#node = options.node
  }

  /** Passes a copy of every later log entry to `copy`; `undefined` stops the copying. */
  copyTo(copy: { add(entry: NodeLogEntry): void } | undefined): void {
    this.#copy = copy
  }

  /**
   * Writes an entry if its level is at least the configured level.
   *
   * @param fields  further fields of the entry; must not contain tokens, secrets or header values of a request
   */
  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (rank[level] < this.#least) return
    const timeMs = Date.now()
    this.#copy?.add({ timeMs, level, message, fields })
    const time = new Date(timeMs).toISOString()
    if (this.#format === 'json') {
      this.#lines.line(JSON.stringify({ time, level, msg: message, node: this.#node, ...fields }))
      return
    }
    const details = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${prettyValue(value)}`)
    this.#lines.line([time.slice(11, 19), level.padEnd(5), message, ...details].join(' '))
  }
}
