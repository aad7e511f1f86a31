import { join } from 'node:path'
import { stripVTControlCharacters, styleText } from 'node:util'
import { LogTail } from './log-tail.ts'
import { nodeNames, type State } from './state.ts'

type Line = Readonly<Record<string, unknown>>

const lookMs = 200

/**
 * Prints one line per decision of the nodes and per token of the issuer, until the process ends.
 *
 * @param json  prints the log lines unchanged
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

/** @returns `undefined` for log lines that are not shown */
export function compact(line: Line): string | undefined {
  const time = String(line.time).slice(11, 19)
  const who = String(line.node ?? 'issuer').padEnd(6)
  const text = line.msg === 'exchange' ? exchange(line) : (issued(line) ?? notice(line))
  return text === undefined ? undefined : `${time}  ${who}  ${text}`
}

function exchange(line: Line): string {
  const { status, method, path, reason, subject, total_ms: took } = line
  const colour = Number(status) < 400 ? 'green' : Number(status) < 500 ? 'yellow' : 'red'
  const by = subject === undefined ? '' : `by ${plain(subject)}`
  const what = `${plain(method).padEnd(4)} ${plain(path)}`
  return `${styleText(colour, String(status))}  ${what.padEnd(28)}  ${plain(reason)}  ${by}  ${Number(took).toFixed(1)} ms`
}

function issued({ event, grant, subject, client, scope, error, detail }: Line): string | undefined {
  if (event === 'token_issued') return `token for ${plain(subject)} (${plain(grant)}): ${plain(scope)}`
  if (event === 'token_refused')
    return `no token for ${plain(client ?? 'a stranger')}: ${plain(error)}, ${plain(detail)}`
  return undefined
}

/** Warnings, errors and changes of the policy. */
function notice({ level, msg, problems, fault }: Line): string | undefined {
  if (
    level !== 'warn' &&
    level !== 'error' &&
    msg !== 'policy changed' &&
    msg !== 'the policy files contain the active policy again'
  )
    return undefined
  if (Array.isArray(problems)) return [plain(msg), ...problems.map(problemLine)].join('\n')
  return fault === undefined ? plain(msg) : `${plain(msg)} ${plain(fault)}`
}

/** Formats a policy problem like `gatehouse check`. */
function problemLine({ file, line, column, path, message, hint }: Line): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  const subject = path === undefined || path === '' ? '' : `${plain(path)}: `
  const remedy = hint === undefined ? '' : ` (${plain(hint)})`
  return `          ${plain(place)}${place === '' ? '' : ': '}${subject}${plain(message)}${remedy}`
}

/** Escapes control characters, because paths and names come from clients. */
function plain(value: unknown): string {
  return stripVTControlCharacters(String(value)).replaceAll(/[^\x20-\x7e]/g, '?')
}
