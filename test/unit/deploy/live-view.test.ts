// The live view of the demo shows decisions, and escapes control characters that clients send.

import { appendFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { compact } from '../../../deploy/demo/live-view.ts'
import { LogTail } from '../../../deploy/demo/log-tail.ts'

const time = '2026-01-02T03:04:05.678Z'
const exchange = { time, msg: 'exchange', node: 'node-1', status: 200, method: 'GET', path: '/x', reason: 'admitted' }
const adminCall = {
  time,
  level: 'info',
  msg: 'admin call',
  node: 'node-1',
  operation: 'list_nodes',
  status: 200,
  who: 'bootstrap',
}

test.each([
  {
    name: 'an exchange',
    line: { ...exchange, subject: 'alice', total_ms: 1.25 },
    shows: ['03:04:05', 'node-1', '200', '/x', 'by alice'],
  },
  {
    name: 'an issued token',
    line: { time, event: 'token_issued', subject: 'bob', grant: 'g', scope: 's' },
    shows: ['issuer', 'token for bob'],
  },
  {
    name: 'a refused token request',
    line: { time, event: 'token_refused', error: 'invalid_scope' },
    shows: ['an unknown client', 'invalid_scope'],
  },
  {
    name: 'a refused admin call',
    line: { ...adminCall, level: 'warn', operation: 'compare_policy', status: 422, problem: 'policy_invalid' },
    shows: ['node-1', '422', 'compare_policy', 'policy_invalid', 'by bootstrap'],
  },
  {
    name: 'an admin call by an unidentified caller',
    line: { ...adminCall, level: 'warn', status: 401, problem: 'credential_required', who: null },
    shows: ['401', 'credential_required', 'by an unknown caller'],
  },
  {
    name: 'a revocation',
    line: { ...adminCall, operation: 'revoke', acknowledged: 2 },
    shows: ['200', 'revoke', 'nodes that acknowledged: 2', 'by bootstrap'],
  },
])('the live view of the demo shows this event on one line: $name', ({ line, shows }) => {
  const shown = compact(line) ?? ''

  for (const part of shows) expect(shown).toContain(part)
  expect(shown).not.toContain('\n')
})

test('the live view of the demo shows policy problems like `check`, one per line, with escaped control characters', () => {
  const misspelt = { file: 'p.yaml', line: 3, column: 5, path: 'a.b', message: 'unknown key', hint: 'did you mean c?' }
  const shown = compact({
    time,
    level: 'error',
    msg: 'policy rejected',
    problems: [misspelt, { message: 'x\u001b[2J\ny' }],
  })

  expect(shown?.split('\n')).toEqual([
    '03:04:05  issuer  policy rejected',
    '          p.yaml:3:5: a.b: unknown key (did you mean c?)',
    '          x?y',
  ])
})

test('the live view of the demo omits log lines that describe no exchange, token request or policy problem', () => {
  expect(compact({ time, level: 'info', msg: 'node started' })).toBeUndefined()
  expect(compact(adminCall)).toBeUndefined()
})

test('escape sequences and control characters in a path do not reach the terminal of the live view', () => {
  const shown = compact({ ...exchange, path: '/\u001b[2J\u009b1m\r\n\u202e' }) ?? ''

  expect(stripVTControlCharacters(shown)).toMatch(/^[\x20-\x7e]*$/)
})

test('the log reader of the live view continues where it stopped and returns only complete JSON lines', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'log-')), 'a.log')
  const tail = new LogTail(path)
  expect(tail.read()).toEqual([])
  appendFileSync(path, '{"a":1}\nno json\n{"b"')
  expect(tail.read()).toEqual([{ a: 1 }])
  appendFileSync(path, ':2}\n')
  expect(tail.read()).toEqual([{ b: 2 }])
})
