import { expect, test } from 'vitest'
import { prettyValue } from '../../../gateway/base/pretty-text.ts'
import { NodeLog } from '../../../gateway/telemetry/node-log.ts'

// `log.format: pretty`: log lines for people at a terminal.

test('a pretty log line shows words without quotes, other texts in quotes, and no field without a value', () => {
  const written: string[] = []
  const lines = { line: (text: string) => written.push(text) } as never
  const log = new NodeLog(lines, { format: 'pretty', level: 'info', node: 'n1' })
  log.log('warn', 'the policy was rejected', { file: 'policy.yaml', problem: undefined, why: 'no such file', tries: 2 })

  expect(written).toHaveLength(1)
  expect(written[0]!.slice(8)).toBe(' warn  the policy was rejected file=policy.yaml why="no such file" tries=2')
})

test.each([
  ['alice', 'alice'],
  ['al ice', '"al ice"'],
  ['a\nb', '"a\\nb"'],
  ['\u202eevil', '"\\u202eevil"'],
  ['Ren\u00e9', '"Ren\u00e9"'],
  [['a b'], '["a b"]'],
])('a pretty log line shows the field value %j as %s', (value, text) => {
  expect(prettyValue(value)).toBe(text)
})
