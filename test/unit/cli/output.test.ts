// docs/design/contract.md §10: output of the CLI, for people and for scripts.

import { afterEach, expect, test, vi } from 'vitest'
import { printable } from '../../../gateway/base/pretty-text.ts'
import { CliError, exitCodes, Output, type OutputFormat } from '../../../gateway/cli/output.ts'
import { ConfigError, problem } from '../../../gateway/config/problem.ts'

function record(format: OutputFormat, isTTY: boolean) {
  const written = { stdout: '', stderr: '' }
  const sink = (name: keyof typeof written) => ({
    isTTY,
    write: (text: string) => {
      written[name] += text
      return true
    },
  })
  const sinks = { stdout: sink('stdout'), stderr: sink('stderr') } as unknown as ConstructorParameters<typeof Output>[1]
  return { written, output: new Output(format, sinks) }
}

const place = { file: 'policy.yaml', line: 12, column: 7 }
const wrong = problem(
  'GH_CONFIG_UNKNOWN_KEY',
  'unknown key',
  ['services', 'a', 'routes', 0, 'requires'],
  place,
  'did you mean require?',
)

afterEach(() => vi.unstubAllEnvs())

test('the CLI prints a configuration problem as text that starts with file, line and column', () => {
  const { written, output } = record('text', false)

  expect(output.error(new ConfigError([wrong]))).toBe(exitCodes.invalid)
  expect(written).toEqual({
    stdout: '',
    stderr:
      'policy.yaml:12:7: services.a.routes[0].requires: unknown key (GH_CONFIG_UNKNOWN_KEY)\n  hint: did you mean require?\n',
  })
})

test('the CLI prints a configuration problem as JSON on one line of stderr', () => {
  const { written, output } = record('json', true)
  output.error(
    new ConfigError([wrong, problem('GH_CONFIG_MISSING', 'is required', ['version'], { ...place, line: 99 })]),
  )
  const [first, second, end] = written.stderr.split('\n')

  expect(end).toBe('')
  expect(JSON.parse(first!)).toEqual({
    code: 'GH_CONFIG_UNKNOWN_KEY',
    message: 'unknown key',
    path: 'services.a.routes[0].requires',
    file: 'policy.yaml',
    line: 12,
    column: 7,
    hint: 'did you mean require?',
  })
  expect(JSON.parse(second!)).toMatchObject({ path: 'version', hint: null })
})

test('the CLI prints the error of a failing command and returns its exit code', () => {
  const { written, output } = record('text', false)

  expect(
    output.error(new CliError(exitCodes.unreachable, 'GH_ADMIN', 'the gate does not answer', 'is it running?')),
  ).toBe(3)
  expect(written.stderr).toBe('error: the gate does not answer (GH_ADMIN)\n  hint: is it running?\n')
})

test.each([
  ['text', 'A  LONG NAME\n1  x\nlonger\n'],
  ['json', ''],
] as const)(
  'the CLI prints a table with text output and nothing on stdout with JSON output (output: %s)',
  (format, expected) => {
    const { written, output } = record(format, false)
    output.table(['a', 'long name'], [['1', 'x']])
    if (format === 'text') output.line('longer')

    expect(written.stdout).toBe(expected)
  },
)

test('the CLI prints table columns as wide as their widest cell, and rows without trailing blanks', () => {
  const { written, output } = record('text', false)
  output.table(
    ['id', 'ms'],
    [
      ['node-1', '12'],
      ['n', ''],
    ],
  )

  expect(written.stdout).toBe('ID      MS\nnode-1  12\nn\n')
})

test.each([
  { isTTY: true, noColour: '', coloured: true },
  { isTTY: true, noColour: '1', coloured: false },
  { isTTY: false, noColour: '', coloured: false },
])(
  'the CLI uses colours only on a terminal and without NO_COLOR (terminal: $isTTY, NO_COLOR="$noColour", coloured: $coloured)',
  ({ isTTY, noColour, coloured }) => {
    vi.stubEnv('NO_COLOR', noColour)
    vi.stubEnv('TERM', 'xterm')
    const { written, output } = record('text', isTTY)
    output.table(['id'], [])
    output.problems([wrong])

    expect(written.stdout.includes('\x1b[')).toBe(coloured)
    expect(written.stderr.includes('\x1b[')).toBe(coloured)
  },
)

test.each([
  ['a\x1b[2Jb', 'a\\x1b[2Jb'],
  ['a\r\nb\t', 'a\\x0d\\x0ab\\x09'],
  ['\x9b31m\x7f', '\\x9b31m\\x7f'],
  ['a\u202eb\u2028', 'a\\u202eb\\u2028'],
  ['äß漢😀', 'äß漢😀'],
])('the CLI prints %j on a terminal as %s', (text, shown) => {
  expect(printable(text)).toBe(shown)
})

test('the CLI escapes control characters in lines, tables and problems', () => {
  const { written, output } = record('text', false)
  output.line('\x1b]0;x\x07')
  output.table(['a'], [['\x1b[1m\nb']])
  output.problems([problem('GH_CONFIG_UNKNOWN_KEY', 'm\x1b', ['p\n\x1b'], { ...place, file: 'f\x1b' }, 'h\x1b')])

  expect(written.stdout + written.stderr).not.toContain('\x1b')
  expect(written.stderr.split('\n')).toHaveLength(3)
})
