import type { WriteStream } from 'node:tty'
import { Option } from 'commander'
import { CRASHED } from '../base/exit-code.ts'
import { printable } from '../base/pretty-text.ts'
import { ConfigError, nowhere, type Problem } from '../config/problem.ts'
import { redact } from './redact.ts'

/** Exit codes of every verb. */
export const exitCodes = { done: 0, invalid: 1, usage: 2, unreachable: 3, partly: 4, crashed: CRASHED } as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/**
 * Output format of a verb. `text` is for people. `json` prints one JSON document, or one per line for a verb that
 * follows a stream; member names are in snake_case.
 */
export type OutputFormat = 'text' | 'json'

const formats = ['text', 'json'] as const

/**
 * Makes the flag `--output` of a verb.
 *
 * @param more  formats that the verb has in addition to text and json
 */
export function outputOption(more: readonly string[] = []): Option {
  return new Option('-o, --output <format>', 'text for people, json for scripts')
    .choices([...formats, ...more])
    .default('text')
}

/**
 * Whether the command line requests JSON output. It examines the unparsed words, because the arguments can be invalid.
 */
export function jsonAsked(words: readonly string[]): boolean {
  return words.some(
    (word, i) => /^(--output=|-o)json$/.test(word) || (word === 'json' && /^(--output|-o)$/.test(words[i - 1] ?? '')),
  )
}

/** An expected error of a verb, with a message for the user of the command line. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode
  readonly code: string
  readonly hint: string | undefined

  /** @param code  error code `GH_…` for scripts. It stays the same in later versions */
  constructor(exitCode: ExitCode, code: string, message: string, hint?: string) {
    super(message)
    this.exitCode = exitCode
    this.code = code
    this.hint = hint
  }
}

export interface Sinks {
  readonly stdout: Pick<WriteStream, 'write' | 'isTTY'>
  readonly stderr: Pick<WriteStream, 'write' | 'isTTY'>
}

/** Writes the output of a verb in the requested format. Results go to stdout, errors to stderr. */
export class Output {
  readonly format: OutputFormat
  readonly #sinks: Sinks
  readonly #secrets: string[] = []

  constructor(format: OutputFormat, sinks: Sinks = process) {
    this.format = format
    this.#sinks = sinks
  }

  /** Registers secrets that are replaced in all later output, also in the form in which JSON escapes them. */
  withhold(...secrets: readonly string[]): void {
    this.#secrets.push(...secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))
  }

  /** Writes one line in text format. Writes nothing in JSON format, where `document` writes the result. */
  line(text: string): void {
    if (this.format === 'text') this.#write('stdout', `${printable(text)}\n`)
  }

  /**
   * In text format, writes one line to stderr that is not a part of the verb's result. Writes nothing in JSON format.
   */
  remark(text: string): void {
    if (this.format === 'text') this.#write('stderr', `${printable(text)}\n`)
  }

  /** Writes the result of a verb as a JSON document; writes nothing in text format. */
  document(value: unknown): void {
    if (this.format === 'json') this.#write('stdout', `${JSON.stringify(value)}\n`)
  }

  /** Writes the result of a verb as a table with upper-case headers in text format; writes nothing in JSON format. */
  table(headers: readonly string[], rows: readonly (readonly string[])[]): void {
    const text = formatTable(headers, rows, (header) => style('bold', header, this.#sinks.stdout))
    if (this.format === 'text') this.#write('stdout', text)
  }

  /**
   * Reports an error of a verb; in JSON format as one object per line. An error that is neither a `ConfigError` nor a
   * `CliError` is a bug and is printed with its stack.
   */
  error(error: unknown): ExitCode {
    if (error instanceof ConfigError) {
      this.problems(error.problems)
      return exitCodes.invalid
    }
    if (error instanceof CliError) {
      this.#report(error.code, error.message, { path: '', ...nowhere, hint: error.hint })
      return error.exitCode
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#report('GH_INTERNAL', text, {
      path: '',
      ...nowhere,
      hint: 'this is a bug in Gatehouse: please report it with this text',
    })
    return exitCodes.invalid
  }

  /** Writes a warning of a verb that has succeeded to stderr; in JSON format as one object per line. */
  warn({ code, message, hint }: { readonly code: string; readonly message: string; readonly hint: string }): void {
    this.#report(code, message, { path: '', ...nowhere, hint }, 'warning')
  }

  problems(problems: readonly (Omit<Problem, 'code'> & { readonly code: string })[]): void {
    for (const { code, message, ...where } of problems) this.#report(code, message, where)
  }

  /** Reports problems of settings or policy as warnings: `warning: ` before the text, `"level":"warning"` in JSON. */
  warnings(problems: readonly Problem[]): void {
    for (const { code, message, ...where } of problems) this.#report(code, message, where, 'warning')
  }

  #write(stream: keyof Sinks, text: string): void {
    this.#sinks[stream].write(redact(text, this.#secrets))
  }

  #report(
    code: string,
    message: string,
    where: Omit<Problem, 'code' | 'message'>,
    level: 'error' | 'warning' = 'error',
  ): void {
    const { stderr } = this.#sinks
    const { path, file, line, column, hint } = where
    if (this.format === 'json') {
      const place = { file: file ?? null, line: line ?? null, column: column ?? null }
      const marked = level === 'warning' ? { level } : {}
      this.#write('stderr', `${JSON.stringify({ ...marked, code, message, path, ...place, hint: hint ?? null })}\n`)
      return
    }
    const place = [file, line, column].filter((part) => part !== undefined).join(':')
    const colour = level === 'error' ? 'red' : 'yellow'
    const prefix = place === '' ? style(colour, level, stderr) : style('bold', printable(place), stderr)
    const subject = path === '' ? '' : `${path}: `
    const mark = level === 'warning' && place !== '' ? `${style('yellow', 'warning', stderr)}: ` : ''
    this.#write(
      'stderr',
      `${prefix}: ${mark}${printable(`${subject}${message}`)} ${style('dim', `(${code})`, stderr)}\n`,
    )
    if (hint !== undefined) this.#write('stderr', `  ${style('dim', 'hint:', stderr)} ${printable(hint)}\n`)
  }
}

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

/**
 * Colours a text for a terminal. Returns the text unchanged for a pipe, with NO_COLOR (https://no-color.org) and with
 * `TERM=dumb`.
 */
export function style(name: keyof typeof styles, text: string, stream: Sinks['stdout'] = process.stdout): string {
  const colourless = stream.isTTY !== true || (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb'
  return colourless ? text : `\x1b[${styles[name]}m${text}\x1b[0m`
}

function formatTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  emphasise: (header: string) => string,
): string {
  const cells = rows.map((row) => row.map(printable))
  const names = headers.map((header) => header.toUpperCase())
  const widths = names.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]?.length ?? 0)))
  const lines = [names, ...cells].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
  return `${[emphasise(lines[0]!), ...lines.slice(1)].join('\n')}\n`
}
