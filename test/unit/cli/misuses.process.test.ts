// Wrong uses of the command line: each answer names the error and the remedy, and has the right exit code.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

const root = mkdtempSync(join(tmpdir(), 'misuses-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function file(name: string, text: string | Buffer): string {
  writeFileSync(join(root, name), text)
  return join(root, name)
}

const settings = file('gatehouse.yaml', 'policy: { path: policy.yaml }\n')
const service =
  'services: { api: { credentials: none, upstreams: ["http://f"], routes: [{ id: f, match: { path: /f }, require: public }] } }'
const policy = file('policy.yaml', `version: 1\n${service}\n`)
const tab = file('tab.yaml', 'policy:\n\tpath: p\n')
const none = join(root, 'none.yaml')
const twice = file('twice.yaml', 'version: 1\nservices:\n  a: {}\n  a: {}\n')
const binary = file('binary.yaml', Buffer.from([0xff, 0xfe, 0x00]))
const empty = file('empty.yaml', '')
const letter = file('letter.txt', 'hello\n')
const withText = (name: string, text: string) => file(name, `${text}\npolicy: { path: policy.yaml }\n`)
const unit = withText('unit.yaml', 'drain_timeout: 5 minutes')
const shorthand = file('shorthand.yaml', 'policy: policy.yaml\n')
const oneUpstream = file('upstream.yaml', `version: 1\n${service.replace('["http://f"]', 'http://f')}\n`)
const negative = withText('negative.yaml', 'drain_timeout: -5s')
const port = withText('port.yaml', 'listen: "127.0.0.1:8o80"')
const web = withText('web.yaml', 'redis: { url: "http://127.0.0.1:6379" }')
const inline = withText('inline.yaml', 'admin: { bootstrap_token: 0123456789abcdef0123456789abcdef }')
const withRedis = withText(
  'redis.yaml',
  'redis: { url: "redis://127.0.0.1:1" }\naudit: { sinks: { s: { type: file, path: s.log } } }',
)
const folder = mkdtempSync(join(root, 'folder-'))

type Case = readonly [words: readonly string[], status: number, message: RegExp, remedy: RegExp]

const cases: readonly Case[] = [
  [['chekc', policy], 2, /unknown command 'chekc'/, /Did you mean check\?/],
  [['status'], 2, /unknown command 'status'/, /gatehouse --help lists the commands/],
  [['help', 'revokes'], 2, /unknown command 'revokes'/, /gatehouse --help lists the commands/],
  [['check', '--strct', policy], 2, /unknown option '--strct'/, /Did you mean --strict\?/],
  [['check'], 2, /name a policy, or a settings file/, /gatehouse check policy\.yaml/],
  [['check', none], 1, /none\.yaml: cannot be read \(ENOENT\)/, /no file or folder has this path/],
  [['check', folder], 1, /the folder contains no \*\.yaml file/, /GH_CONFIG_UNREADABLE/],
  [['check', twice], 1, /twice\.yaml:4:3: services: duplicate key "a"/, /GH_CONFIG_DUPLICATE_KEY/],
  [['check', binary], 1, /binary\.yaml:1:1: document is not valid UTF-8/, /GH_CONFIG_SYNTAX/],
  [['check', empty], 1, /empty\.yaml:1:1: must be a mapping, not empty/, /GH_CONFIG_VALUE/],
  [['check', letter], 1, /letter\.txt:1:1: must be a mapping, not a text/, /GH_CONFIG_VALUE/],
  [['check', policy, '--tests', none], 1, /none\.yaml: cannot be read \(ENOENT\)/, /no file or folder has this path/],
  [['check', policy, '--tests', policy], 1, /is a policy, not a file of policy tests/, /gatehouse check FILE/],
  [['check', policy, policy, '--print'], 2, /--print accepts only one path/, /a file or a folder/],
  [['check', policy, '--from-audit', 'yesterday'], 2, /--from-audit must be a time/, /such as 2030-01-31T12:00:00Z/],
  [['check', policy, '--output', 'yaml'], 2, /argument 'yaml' is invalid/, /choices are text, json, sarif/],
  [['check', '--config', root], 1, /cannot be read \(EISDIR\)/, /this is a folder; name a file in it/],
  [['check', settings], 1, /is a settings file, not a policy/, /gatehouse check --config FILE/],
  [['check', '--config', policy], 1, /is a policy, not a settings file/, /gatehouse check FILE/],
  [['check', '--config', shorthand], 1, /policy: must be a mapping, not a text/, /its keys: .*path.*/],
  [['check', oneUpstream], 1, /upstreams: must be a list, not a text/, /write a list: \[ENTRY, …\]/],
  [['check', '--config', tab], 1, /tab\.yaml:2:1: indentation contains a tab/, /use spaces/],
  [['check', '--config', unit], 1, /unit\.yaml:1:1: drain_timeout: must be a duration/, /such as 500ms, 30s, 5m/],
  [['check', '--config', negative], 1, /negative\.yaml:1:1: drain_timeout: must be a duration/, /such as 500ms/],
  [['check', '--config', port], 1, /port\.yaml:1:1: listen: must be host:port/, /\[address\]:port or :port/],
  [['check', '--config', web], 1, /web\.yaml:1:10: redis\.url: must be redis:/, /rediss:.*or unix:/],
  [
    ['check', '--config', inline],
    1,
    /inline\.yaml:1:10: admin\.bootstrap_token/,
    /use \{ env: NAME \} or \{ file: PATH \}/,
  ],
  [['serve'], 1, /policy: is required/, /--config FILE, or the policy with --policy PATH/],
  [['serve', settings], 2, /too many arguments for 'serve'/, /gatehouse serve --config FILE/],
  [['serve', '--config'], 2, /option '-c, --config <file>' argument missing/, /gatehouse serve --help/],
  [['serve', '--config', none], 1, /none\.yaml: cannot be read \(ENOENT\)/, /no file or folder has this path/],
  [['serve', '--policy', policy, '--listen', '99999'], 1, /command line: listen: must be host:port/, /or :port/],
  [['worker', '--config', settings, 'more'], 2, /too many arguments for 'worker'/, /gatehouse worker --config FILE/],
  [['queues'], 1, /policy: is required/, /--config FILE/],
  [['queues', '-c', withRedis], 3, /Redis did not reply: .*ECONNREFUSED 127\.0\.0\.1:1/, /check that Redis runs/],
  [
    ['health', '--admin', 'http://127.0.0.1:1'],
    3,
    /no reply from http:\/\/127\.0\.0\.1:1/,
    /--admin URL or GATEHOUSE_ADMIN_URL/,
  ],
  [['health', '--admin', '127.0.0.1:9090'], 2, /must be an http URL/, /such as http:\/\/127\.0\.0\.1:9090/],
  [['health', '--ready=yes'], 2, /unknown option '--ready'/, /--ready takes no value/],
  [['keys', 'generate'], 2, /missing required argument 'kind'/, /gatehouse keys generate --help/],
  [['keys', 'generate', 'rsa'], 2, /'rsa' is invalid/, /choices are assertion, encryption, audit, policy/],
  [['keys', 'rotate'], 2, /required option '--to <id>' not specified/, /gatehouse keys rotate --help/],
  [['nodes', '--admin', '127.0.0.1:9090'], 2, /must be an http or https URL/, /such as http:\/\/127\.0\.0\.1:9090/],
  [['nodes'], 2, /the admin API requires a token: set GATEHOUSE_ADMIN_TOKEN/, /gatehouse demo env/],
  [['sessions', 'end'], 2, /give exactly one of --session, --device and --subject/, /gatehouse sessions end --help/],
  [['streams', 'end'], 2, /give exactly one of --subject, --session, --route and --id/, /gatehouse streams end --help/],
  [['rollback', 'x'], 2, /must be the number of a revision/, /gatehouse revisions lists the revisions/],
  [['audit', 'verify', none], 1, /none\.yaml cannot be read \(ENOENT\)/, /no file or folder has this path/],
  [['explain', 'GET', 'orders', '--policy', policy], 2, /the URL must start with http/, /gatehouse explain --help/],
  [
    ['import', 'oauth2-proxy', letter],
    1,
    /letter\.txt:1:6: document is neither TOML nor/,
    /states no flags or variables/,
  ],
  [['doctor', '--config', none], 1, /none\.yaml: cannot be read/, /no file or folder has this path/],
]

const withToken: readonly Case[] = [
  [
    ['nodes', '--admin', 'http://127.0.0.1:1'],
    3,
    /no reply from http:\/\/127\.0\.0\.1:1/,
    /--admin URL or GATEHOUSE_ADMIN_URL/,
  ],
  [['revoke'], 2, /give exactly one of --token, --token-file, --jti/, /gatehouse revoke --help/],
  [['revoke', '--subject', 'a', '--client', 'b'], 2, /give exactly one of/, /gatehouse revoke --help/],
  [['revoke', '--subject', 'a', '--wait', '2'], 2, /--wait must be all, or a duration/, /write --wait=2s/],
  [['revoke', '--subject', 'a', '--wait=10m'], 2, /at most 5m/, /--no-wait/],
  [['apply', none], 1, /none\.yaml: cannot be read \(ENOENT\)/, /no file or folder has this path/],
  [['apply', policy, '--canary', '200%'], 2, /'200%' is invalid/, /below 100%, such as 25%/],
  [['audit', 'search', '--since', 'tomorrow'], 2, /--since must be a time/, /such as 2030-01-31T12:00:00Z/],
]
const runs = [
  ...runEach(cases.map(([words]) => words)),
  ...runEach(
    withToken.map(([words]) => words),
    { GATEHOUSE_ADMIN_TOKEN: 't'.repeat(32) },
  ),
]

test.each(
  [...cases, ...withToken].map(([words, status, message, remedy], i) => ({
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
