// Wrong uses of the command line: each answer names the error and the remedy, and has the right exit code.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

const root = mkdtempSync(join(tmpdir(), 'misuses-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function file(name: string, text: string): string {
  writeFileSync(join(root, name), text)
  return join(root, name)
}

const settings = file('gatehouse.yaml', 'policy: { path: policy.yaml }\n')
const policy = file('policy.yaml', 'version: 1\nservices: {}\n')
const tab = file('tab.yaml', 'policy:\n\tpath: p\n')
const none = join(root, 'none.yaml')

const cases: readonly (readonly [words: readonly string[], status: number, message: RegExp, remedy: RegExp])[] = [
  [['chekc', policy], 2, /unknown command 'chekc'/, /Did you mean check\?/],
  [['check', '--strct', policy], 2, /unknown option '--strct'/, /Did you mean --strict\?/],
  [['check'], 2, /name a policy, or a settings file/, /gatehouse check policy\.yaml/],
  [['check', none], 1, /none\.yaml: cannot be read \(ENOENT\)/, /no file or folder has this path/],
  [['check', '--config', root], 1, /cannot be read \(EISDIR\)/, /this is a folder; name a file in it/],
  [['check', settings], 1, /is a settings file, not a policy/, /gatehouse check --config FILE/],
  [['check', '--config', policy], 1, /is a policy, not a settings file/, /gatehouse check FILE/],
  [['check', '--config', tab], 1, /tab\.yaml:2:1: indentation contains a tab/, /use spaces/],
  [['serve'], 1, /policy: is required/, /--config FILE, or the policy with --policy PATH/],
  [['serve', settings], 2, /too many arguments for 'serve'/, /gatehouse serve --config FILE/],
  [['queues'], 1, /policy: is required/, /--config FILE/],
  [['keys', 'generate'], 2, /missing required argument 'kind'/, /gatehouse keys generate --help/],
  [['nodes', '--admin', '127.0.0.1:9090'], 2, /must be an http or https URL/, /such as http:\/\/127\.0\.0\.1:9090/],
  [['nodes'], 2, /the admin API requires a token/, /set GATEHOUSE_ADMIN_TOKEN/],
  [['doctor', '--config', none], 1, /none\.yaml: cannot be read/, /no file or folder has this path/],
]
const runs = runEach(cases.map(([words]) => words))

test.each(
  cases.map(([words, status, message, remedy], i) => ({
    line: words.map((each) => each.replace(`${root}/`, '')).join(' '),
    status,
    message,
    remedy,
    run: runs[i]!,
  })),
)(
  'the wrong command `gatehouse $line` exits with $status and prints error and remedy',
  ({ status, message, remedy, run }) => {
    expect([run.status, run.stdout]).toEqual([status, ''])
    expect(run.stderr).toMatch(message)
    expect(run.stderr).toMatch(remedy)
  },
)
