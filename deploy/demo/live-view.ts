import { join } from 'node:path'
import { stripVTControlCharacters, styleText } from 'node:util'
import { LogTail } from './log-tail.ts'
import { nodeNames, type State } from './state.ts'

type Line = Readonly<Record<string, unknown>>

const lookMs = 200

/**
 * Prints one line for each exchange of the nodes, and for each issued or refused token of the issuer, until the process
 * ends. Warnings, errors and policy changes are printed too.
 *
 * @param json  true: prints all log lines as JSON
 */
export function showLive(state: State, write: (line: string) => void, json: boolean): void {
  const tails = [...nodeNames.map(state.nodeLog), join(state.folder, 'issuer.log')].map((path) => new LogTail(path))
  setInterval(() => {
    const lines = tails.flatMap((tail) => tail.read())
    lines.sort((a, b) => String(a.time).localeCompare(String(b.time)))
    for (const line of lines) {
      const shown = json ? JSON.stringify(line) : compact(line)
      if (shown !== undefined) write(shown)
    }
  }, lookMs)
}

/** Formats a log line for the terminal. @returns `undefined` for log lines that the demo does not show */
export function compact(line: Line): string | undefined {
  const time = String(line.time).slice(11, 19)
  const who = String(line.node ?? 'issuer').padEnd(6)
  const text = textOf(line)
  return text === undefined ? undefined : `${time}  ${who}  ${text}`
}

function textOf(line: Line): string | undefined {
  if (line.msg === 'exchange') return exchange(line)
  if (line.msg === 'admin call') return adminCall(line)
  return issued(line) ?? notice(line)
}

/** Formats a refused or failed admin call, or one that nodes acknowledged. Returns `undefined` for other admin calls. */
function adminCall({ operation, status, problem, who, acknowledged, fault }: Line): string | undefined {
  if (Number(status) < 400 && acknowledged === undefined) return undefined
  const result = [problem, fault].filter((part) => part !== undefined).map(plain)
  if (acknowledged !== undefined) result.push(`nodes that acknowledged: ${plain(acknowledged)}`)
  const what = `admin call ${plain(operation ?? 'of no known operation')}`.padEnd(33)
  return `${coloured(status)}  ${what}  ${result.join(', ')}  by ${plain(who ?? 'an unknown caller')}`
}

function coloured(status: unknown): string {
  const colour = Number(status) < 400 ? 'green' : Number(status) < 500 ? 'yellow' : 'red'
  return styleText(colour, String(status))
}

function exchange(line: Line): string {
  const { status, method, path, reason, subject, total_ms: took } = line
  const by = subject === undefined ? '' : `by ${plain(subject)}`
  const what = `${plain(method).padEnd(4)} ${plain(path)}`
  return `${coloured(status)}  ${what.padEnd(28)}  ${plain(reason)}  ${by}  ${Number(took).toFixed(1)} ms`
}

function issued({ event, grant, subject, client, scope, error, detail }: Line): string | undefined {
  if (event === 'token_issued') return `token for ${plain(subject)} (${plain(grant)}): ${plain(scope)}`
  if (event === 'token_refused')
    return `no token for ${plain(client ?? 'an unknown client')}: ${plain(error)}, ${plain(detail)}`
  return undefined
}

/** Formats a log line that is a warning, an error or about a policy change. Returns `undefined` for other lines. */
function notice({ level, msg, problems, fault }: Line): string | undefined {
  if (
    level !== 'warn' &&
    level !== 'error' &&
    msg !== 'policy changed' &&
    msg !== 'the policy files are valid again: they contain the active policy'
  )
    return undefined
  if (Array.isArray(problems)) return [plain(msg), ...problems.map(problemLine)].join('\n')
  return fault === undefined ? plain(msg) : `${plain(msg)} ${plain(fault)}`
}

/** Formats a policy problem as `gatehouse check` does. */
function problemLine({ file, line, column, path, message, hint }: Line): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  const subject = path === undefined || path === '' ? '' : `${plain(path)}: `
  const remedy = hint === undefined ? '' : ` (${plain(hint)})`
  return `          ${plain(place)}${place === '' ? '' : ': '}${subject}${plain(message)}${remedy}`
}

/**
 * Removes control sequences and replaces other characters outside of printable ASCII, because clients choose paths and
 * names.
 */
function plain(value: unknown): string {
  return stripVTControlCharacters(String(value)).replaceAll(/[^\x20-\x7e]/g, '?')
}
