import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort, listen } from '../kit/ports.ts'
import { runVerb } from '../kit/run-verb.ts'
import { startUpstream } from '../kit/upstream.ts'

// docs/design/contract.md §10, CLI verbs that operate a running cluster: exit codes and errors when the admin API
// cannot do the work, and that no verb prints a token. Tests in test/cluster check the replies of a cluster.

vi.setConfig({ maxConcurrency: 2 })

const bootstrap = 'bootstrap-token-of-the-verbs-tests-0001'
const [issuer, orders] = await Promise.all([startIssuer(), startUpstream()])
const node = await startNode({
  policy: testPolicy({ issuer: issuer.url, orders: orders.url }),
  settings: { admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } } },
  env: { BOOTSTRAP: bootstrap },
})
const tokenFile = node.folder.file('admin-token')
writeFileSync(tokenFile, `${bootstrap}\n`, { mode: 0o600 })
const env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }

const run = (words: readonly string[], environment: Readonly<Record<string, string>> = env, input = '') =>
  runVerb(words, environment, input)

const named = (words: readonly string[]) => ({ words, verb: words.join(' ') })
const verbs = [['nodes'], ['nodes', 'accept-loss'], ['revoke', '--jti', 'x']].map(named)

test.concurrent.each(verbs)(
  'the CLI verb `$verb` at a node without Redis exits with 1 and names the setting to change',
  async ({ words }) => {
    const { exitCode, stdout, stderr } = await run(words)

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toBe(
      'error: this node runs without Redis and is not part of a cluster (GH_ADMIN_CLUSTER_UNAVAILABLE)\n' +
        '  hint: set redis.url in the settings of every node\n',
    )
  },
)

test.concurrent.each(verbs)(
  'the CLI verb `$verb` without a token exits with 2 and names the environment variable to set',
  async ({ words }) => {
    const { exitCode, stderr } = await run(words, { GATEHOUSE_ADMIN_URL: env.GATEHOUSE_ADMIN_URL })

    expect(exitCode).toBe(2)
    expect(stderr).toContain('GATEHOUSE_ADMIN_TOKEN')
  },
)

test.concurrent.each(verbs)('the CLI verb `$verb` at an address without a listener exits with 3', async ({ words }) => {
  const admin = `http://127.0.0.1:${freePort()}`
  const { exitCode, stdout, stderr } = await run([...words, '--admin', admin, '--output', 'json'])

  expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' })
  expect(JSON.parse(stderr)).toMatchObject({
    code: 'GH_ADMIN_UNREACHABLE',
    message: expect.stringContaining(`no reply from ${admin}`),
  })
})

/** Starts an HTTP server that is not a gate and replies 200 to every request; returns its URL. */
async function stranger(): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json').end('{"service":"orders"}')
  })
  atEnd(() => void server.close())
  return `http://127.0.0.1:${await listen(server)}`
}

test.concurrent.each([
  ...verbs,
  ...[['traces'], ['audit', 'verify'], ['limits', 'list'], ['health'], ['health', '--ready']].map(named),
])(
  'the CLI verb `$verb` exits with 3 and hints at --admin if the server at the admin URL is no admin API',
  async ({ words }) => {
    for (const admin of [await stranger(), `http://127.0.0.1:${node.port}`]) {
      const { exitCode, stdout, stderr } = await run([...words, '--admin', admin, '--output', 'json'])

      expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' })
      expect(JSON.parse(stderr)).toMatchObject({
        code: 'GH_ADMIN_UNREACHABLE',
        message: expect.stringContaining('does not come from'),
        hint: expect.stringContaining('--admin'),
      })
    }
  },
)

test.concurrent('the CLI accepts in --admin a URL with the path prefix of a proxy', async () => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url!)
    response.setHeader('content-type', 'application/json').end('{"nodes":[]}')
  })
  const proxy = `http://127.0.0.1:${await listen(server)}/ops/gate/`
  atEnd(() => void server.close())

  expect((await run(['nodes', '--admin', proxy])).exitCode).toBe(0)
  expect(asked).toEqual(['/ops/gate/api/v1/nodes'])
})

test.concurrent('when the node rejects the admin token, the CLI exits with 1 and does not print the token', async () => {
  const secret = 'not-the-bootstrap-token-of-this-node-at-all'
  const { exitCode, stderr } = await run(['nodes'], { ...env, GATEHOUSE_ADMIN_TOKEN: secret })

  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^error: the admin API does not accept this token \(GH_ADMIN_INVALID_TOKEN\)\n {2}hint: /)
  expect(stderr).not.toContain(secret)
})

test.concurrent('the CLI reads the admin token from the file in GATEHOUSE_ADMIN_TOKEN_FILE', async () => {
  const { GATEHOUSE_ADMIN_URL } = env
  const good = await run(['nodes'], { GATEHOUSE_ADMIN_URL, GATEHOUSE_ADMIN_TOKEN_FILE: tokenFile })
  const absent = await run(['nodes'], { GATEHOUSE_ADMIN_URL, GATEHOUSE_ADMIN_TOKEN_FILE: `${tokenFile}.absent` })

  expect(good).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('without Redis') })
  expect(absent).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('cannot be read (ENOENT)') })
})

test.concurrent.each([
  [['revoke'], 'give exactly one of'],
  [['revoke', '--jti', 'a', '--subject', 'b'], 'give exactly one of'],
  [['revoke', '--token', 'a', '--jti', 'b'], 'give exactly one of'],
  [['revoke', '--issuer', 'main'], 'give exactly one of'],
  [['revoke', '--before', '2026-01-01T00:00:00Z'], '--before requires --issuer'],
  [['nodes', '--admin', 'ftp://x'], 'must be an http or https URL'],
  [['nodes', '--admin', 'http://127.0.0.1:1/?a=1'], 'a query or a fragment'],
  [['nodes', '--admin', 'http://127.0.0.1:1/#a'], 'a query or a fragment'],
  [['nodes', '--admin', 'http://olga:geheim99@127.0.0.1:1'], 'without credentials'],
])('the CLI exits with 2 and an explanation for the wrong arguments %j', async (words, said) => {
  const { exitCode, stdout, stderr } = await run(words)

  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  expect(stderr).toContain(said)
  expect(stderr).not.toContain('geheim99')
})

test.concurrent('when the admin API replies with an error, the CLI exits with 1 and prints the error unchanged', async () => {
  const { exitCode, stderr } = await run(['revoke', '--issuer', 'main', '--before', 'yesterday', '--output', 'json'])

  expect(exitCode).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({
    code: 'GH_ADMIN_INVALID_REQUEST',
    message: '/before: must be a time such as 2030-01-31T12:00:00Z (RFC 3339)',
  })
})

test('the CLI reads a token to revoke from standard input, a file or the flag, trims it, and never prints it', async () => {
  const victim = issuer.sign()
  const file = node.folder.file('victim')
  writeFileSync(file, `${victim}\n`)
  const sent: unknown[] = []
  const server = createServer(async (request, response) => {
    sent.push([request.method, request.url, request.headers.authorization, JSON.parse(await text(request))])
    response.writeHead(400, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ code: 'invalid_request', detail: `no: ${victim}` }))
  })
  const admin = ['--admin', `http://127.0.0.1:${await listen(server)}`]
  atEnd(() => void server.close())
  const runs = [
    await run(['revoke', '--token', '-', '--reason', 'stolen', ...admin], env, `${victim}\n`),
    await run(['revoke', '--token-file', '-', '--reason', 'stolen', ...admin], env, victim),
    await run(['revoke', '--token-file', file, '--reason', 'stolen', ...admin]),
    await run(['revoke', '--token', victim, '--reason', 'stolen', ...admin]),
  ]

  const body = { kind: 'token', token: victim, reason: 'stolen' }
  const call = ['POST', '/api/v1/revocations?wait=2000ms&durable=0', `Bearer ${bootstrap}`, body]
  expect(sent).toEqual([call, call, call, call])
  for (const { exitCode, stdout, stderr } of runs) {
    expect(exitCode).toBe(1)
    expect(stdout + stderr).not.toContain(victim)
  }
})

test('the CLI exits with 3 when the admin API replies with a redirect, and does not follow the redirect', async () => {
  const asked: unknown[] = []
  const other = createServer((request, response) => {
    asked.push(request.url)
    response.end('{}')
  })
  const otherUrl = `http://127.0.0.1:${await listen(other)}`
  const server = createServer((_, response) => response.writeHead(307, { location: `${otherUrl}/` }).end('moved'))
  const admin = `http://127.0.0.1:${await listen(server)}`
  atEnd(() => void [other, server].map((each) => each.close()))

  expect(await run(['nodes', '--admin', admin])).toMatchObject({ exitCode: 3 })
  expect(asked).toEqual([])
})
