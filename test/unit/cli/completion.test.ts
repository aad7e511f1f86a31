// docs/design/contract.md §10: shells complete what the command line accepts. bash is run for real.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

const root = mkdtempSync(join(tmpdir(), 'completion-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const [help, bash, zsh, fish, csh] = runEach([
  ['--help'],
  ['completion', 'bash'],
  ['completion', 'zsh'],
  ['completion', 'fish'],
  ['completion', 'csh'],
])
const scripts = { bash: bash!.stdout, zsh: zsh!.stdout, fish: fish!.stdout }
for (const [shell, script] of Object.entries(scripts)) writeFileSync(join(root, shell), script)
writeFileSync(join(root, 'my policy.yaml'), '')
writeFileSync(
  join(root, 'complete'),
  `source ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gatehouse; printf '%s\\n' "\${COMPREPLY[@]}"`,
)

const verbs = [...help!.stdout.matchAll(/^ {2}([a-z]+)\b.* {2}/gm)]
  .map(([, verb]) => verb!)
  .filter((verb) => verb !== 'help')

/** The words, as bash splits them; the last one is being typed. */
function complete(words: readonly string[]): string[] {
  const { stdout, stderr } = spawnSync('bash', ['--norc', 'complete', 'gatehouse', ...words], {
    cwd: root,
    encoding: 'utf8',
    timeout: 100_000,
  })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((word) => word !== '')
}

test('every verb of the help is completed', () => {
  expect(verbs).toEqual(expect.arrayContaining(['serve', 'check', 'explain', 'schema', 'completion']))
  expect(complete([''])).toEqual(verbs)
})

test.each<[typed: string, words: string[], offered: string[]]>([
  ['ke', ['ke'], ['keys']],
  ['keys ', ['keys', ''], ['generate']],
  ['keys generate a', ['keys', 'generate', 'a'], ['assertion', 'audit']],
  ['check --out', ['check', '--out'], ['--output']],
  ['check --output ', ['check', '--output', ''], ['text', 'json', 'sarif']],
  ['check --output=s', ['check', '--output', '=', 's'], ['sarif']],
  ['check --output=', ['check', '--output', '='], ['text', 'json', 'sarif']],
  ['check -o j', ['check', '-o', 'j'], ['json']],
  ['check -o json --pr', ['check', '-o', 'json', '--pr'], ['--print']],
  ['schema ', ['schema', ''], ['settings', 'policy']],
  ['completion ', ['completion', ''], ['bash', 'zsh', 'fish']],
  ['explain GET /x --to', ['explain', 'GET', '/x', '--to'], ['--token', '--token-file']],
  ['demo --ch', ['demo', '--ch'], ['--check']],
  ['demo token --o', ['demo', 'token', '--o'], ['--opaque', '--output']],
  ['--ver', ['--ver'], ['--version']],
  ['a word that is no verb', ['nonsense', '--pri'], []],
  ['a value that is anything', ['health', '--admin', ''], []],
  ['a file, which is left to bash', ['check', 'my'], []],
])('%s', (_, words, offered) => {
  expect(complete(words)).toEqual(offered)
})

/** By a terminal, where there is the tool for one: what TAB does in the end. */
const terminal = spawnSync('script', ['--version']).status === 0

test.runIf(terminal)('a file with a blank in its name is completed and quoted', () => {
  writeFileSync(join(root, 'rc'), `PS1=; source ./bash; gatehouse() { printf '<%s>' "$@" > words; }\n`)
  const typed = 'gatehouse explain GET /x --policy my\t\nexit\n'
  spawnSync('script', ['-qec', 'bash --noprofile --rcfile rc -i', '/dev/null'], {
    cwd: root,
    input: typed,
    timeout: 100_000,
  })
  const { stdout } = spawnSync('cat', ['words'], { cwd: root, encoding: 'utf8' })

  expect(stdout).toBe('<explain><GET></x><--policy><my policy.yaml>')
})

test.each(Object.keys(scripts) as (keyof typeof scripts)[])('the script for %s is whole', (shell) => {
  for (const word of [...verbs, '--token-file', 'sarif']) expect(scripts[shell]).toContain(word.replace(/^--/, ''))
  const installed = spawnSync(shell, ['--version']).status === 0
  if (installed)
    expect(spawnSync(shell, ['-n', join(root, shell)], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
})

test('another shell is wrong usage', () => {
  expect(csh).toMatchObject({ status: 2, stdout: '' })
})
