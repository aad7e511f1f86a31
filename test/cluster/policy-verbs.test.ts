// The verbs diff, apply, rollback and revisions change the policy of two nodes that share a Redis, and state the result by
// exit code and text.

import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-policy-verbs-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const bootstrap = 'bootstrap-token-of-the-policy-verbs-test'
const adminAudience = 'https://gate.test/admin'
const [issuer, upstream, redis] = await Promise.all([startIssuer(), startUpstream(), testRedis()])

const issuers = `version: 1\nissuers: { main: { issuer: "${issuer.url}", audience: ["${testAudience}"] } }\n`
const service = (name: string, require: string, more = '') => `version: 1
services:
  ${name}:
    upstreams: ["${upstream.url}"]${more}
    routes:
      - { id: ${name}.read, match: { path: /${name}/** }, require: ${require} }
`
const locked = '{ scopes: { all: [read] } }'
const seed = {
  'main.yaml': issuers,
  'orders.yaml': service('orders', locked),
  'reports.yaml': service('reports', locked),
}

/** Writes a policy: the seed, with other texts for some files. @returns its folder */
function policyOf(name: string, files: Readonly<Record<string, string>> = {}): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  for (const [file, text] of Object.entries({ ...seed, ...files })) writeFileSync(join(path, file), text)
  return path
}

let nodes: TestNode[]
let env: Record<string, string>

beforeAll(async () => {
  const key = randomBytes(32).toString('base64url')
  const start = (id: string, own: Readonly<Record<string, string>>) =>
    startNode({
      policy: '',
      settings: {
        node: { id },
        redis: { url: redis.url },
        policy: { source: 'cluster', seed: policyOf('seed'), copy: 'policy-copy.json' },
        keys: {
          assertion: [{ id: 'a1', secret: { file: 'assertion.jwk' } }],
          policy: [{ id: 'p1', secret: { env: 'POLICY_KEY' } }],
        },
        admin: {
          listen: '127.0.0.1:0',
          bootstrap_token: { env: 'BOOTSTRAP' },
          issuer: { issuer: issuer.url, audience: [adminAudience] },
        },
      },
      env: { POLICY_KEY: key, BOOTSTRAP: bootstrap, ...own },
    })
  nodes = await Promise.all([start('n1', { API_KEY: 'key-of-the-service' }), start('n2', {})])
  env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${nodes[0]!.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
})

const verb = (...words: string[]) => runVerb(words, env)

/** Statuses of a request without a token on both nodes. */
async function statusesOf(target: string): Promise<number[]> {
  const replies = await Promise.all(nodes.map(({ port }) => request(port, requestBytes({ target, host: 'gate.test' }))))
  return replies.map(({ status }) => status)
}

async function revisions(): Promise<{
  active: number
  revisions: { number: number; author: string; message: string }[]
}> {
  return JSON.parse((await verb('revisions', '--output', 'json')).stdout)
}

test('the seed becomes policy revision 1 of the cluster, and `gatehouse diff` compares a policy with it', async () => {
  expect(await revisions()).toMatchObject({
    active: 1,
    revisions: [{ number: 1, author: expect.stringMatching(/^node n/) }],
  })
  expect(await verb('diff', policyOf('seed'))).toMatchObject({ exitCode: 0, stdout: 'the policies are equal\n' })

  const changed = await verb('diff', policyOf('public', { 'orders.yaml': service('orders', 'public') }))
  expect(changed).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining('services.orders.routes[orders.read]: becomes public'),
  })
})

test('`gatehouse apply` refuses an invalid policy with the path, line and column of the error, and changes nothing', async () => {
  const path = policyOf('misspelt', { 'orders.yaml': service('orders', locked).replace('require:', 'requires:') })
  const applied = await verb('apply', path)

  expect(applied).toMatchObject({ exitCode: 1, stdout: '' })
  expect(applied.stderr).toContain(`${join(path, 'orders.yaml')}:6:`)
  expect(applied.stderr).toContain('GH_CONFIG_UNKNOWN_KEY')
  expect((await revisions()).active).toBe(1)
})

test('`gatehouse apply` shows the difference, and every node enforces the new policy when the command ends', async () => {
  expect(await statusesOf('/orders/1')).toEqual([401, 401])
  const path = policyOf('public', { 'orders.yaml': service('orders', 'public') })
  const applied = await verb('apply', path, '--message', 'open orders')

  expect(applied.exitCode, applied.stderr).toBe(0)
  expect(applied.stdout).toContain('services.orders.routes[orders.read]: becomes public')
  expect(applied.stdout).toContain('Revision 2 is active.')
  expect(await statusesOf('/orders/1')).toEqual([200, 200])
  expect((await revisions()).revisions[0]).toMatchObject({ number: 2, author: 'bootstrap', message: 'open orders' })
})

test('`gatehouse apply` of the active policy changes nothing', async () => {
  const applied = await verb('apply', join(folder, 'public'))

  expect(applied.exitCode, applied.stderr).toBe(0)
  expect(applied.stdout).toBe('the policies are equal\nNothing changed: revision 2 is active and has the same files.\n')
})

test('`gatehouse apply --against` refuses the change when another revision is active by now, and lists the revisions since the given one', async () => {
  const applied = await verb('apply', policyOf('seed'), '--against', '1')

  expect(applied.exitCode).toBe(1)
  expect(applied.stderr).toContain('revision 2 is active now (GH_ADMIN_POLICY_CONFLICT)')
  expect(applied.stderr).toMatch(/^revision 2: \S+ bootstrap: open orders$/m)
  expect(applied.stderr).toContain('changes meanwhile:\n  services.orders.routes[orders.read]: becomes public\n')
  expect((await revisions()).active).toBe(2)
})

test('`gatehouse apply --against` an older revision changes nothing when the files are those of the active revision, as after a lost reply', async () => {
  const applied = await verb('apply', join(folder, 'public'), '--against', '1')

  expect(applied.exitCode, applied.stderr).toBe(0)
  expect(applied.stdout).toContain('Nothing changed: revision 2 is active and has the same files.')
})

test('`gatehouse apply` is refused when one node lacks a secret of the policy, and the error names node and secret', async () => {
  const credentials = '\n    credentials: { type: header, name: X-Api-Key, secret: { env: API_KEY } }'
  const path = policyOf('secret', { 'orders.yaml': service('orders', 'public', credentials) })
  const applied = await verb('apply', path)

  expect(applied.exitCode).toBe(1)
  expect(applied.stderr).toMatch(/node n2: .*API_KEY/)
  expect(applied.stderr).not.toContain('node n1:')
  expect(applied.stderr).toContain(`${join(path, 'orders.yaml')}:`)
  expect((await revisions()).active).toBe(2)
})

test('`gatehouse apply --only` changes one service, and does not apply other changes in the folder', async () => {
  const orders = service('orders', locked)
  const path = policyOf('only', { 'orders.yaml': orders, 'reports.yaml': service('reports', 'public') })
  const applied = await verb('apply', path, '--only', 'reports', '--output', 'json')

  expect(applied.exitCode, applied.stderr).toBe(0)
  expect(JSON.parse(applied.stdout)).toMatchObject({
    outcome: 'activated',
    number: 3,
    missing: [],
    difference: { from: 2, routes: [{ route: 'reports.read', change: 'public' }] },
  })
  expect(await statusesOf('/reports/1')).toEqual([200, 200])
  expect(await statusesOf('/orders/1')).toEqual([200, 200])

  const shared = await verb('apply', policyOf('shared', { 'orders.yaml': `${orders}limits: []\n` }), '--only', 'main')
  expect(shared).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('none of the files defines service main'),
  })
})

test('`gatehouse rollback` makes a new policy revision with the files of an earlier one', async () => {
  const back = await verb('rollback', '1', '--message', 'partners got 200')

  expect(back.exitCode, back.stderr).toBe(0)
  expect(back.stdout).toContain('Revision 4 is active.')
  expect(await statusesOf('/orders/1')).toEqual([401, 401])
  const before = await verb('rollback')
  expect(before.exitCode, before.stderr).toBe(0)
  expect(await statusesOf('/orders/1')).toEqual([200, 200])
  expect((await revisions()).revisions.map(({ number }) => number)).toEqual([5, 4, 3, 2, 1])
  expect(await verb('rollback', '99')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('the cluster keeps no revision with the number 99'),
  })
})

test('a rollback through the admin API names a revision, and a repeated call does not roll back another revision', async () => {
  const rollback = async (body: object) => {
    const { GATEHOUSE_ADMIN_URL, GATEHOUSE_ADMIN_TOKEN } = env
    const reply = await fetch(`${GATEHOUSE_ADMIN_URL}/api/v1/policy/rollback`, {
      method: 'POST',
      headers: { authorization: `Bearer ${GATEHOUSE_ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return [reply.status, await reply.json()]
  }
  expect(await rollback({})).toMatchObject([
    400,
    { errors: [{ detail: 'must have one of the members to and against' }] },
  ])
  expect(await rollback({ against: 5 })).toMatchObject([200, { number: 6 }])
  expect(await rollback({ against: 5 })).toMatchObject([409, { code: 'policy_conflict', active: 6 }])
  expect(await rollback({ against: 6 })).toMatchObject([200, { number: 7 }])
})

test('`gatehouse nodes` and `gatehouse revisions` show the same hash of the active policy', async () => {
  const [{ hash }] = JSON.parse((await verb('revisions', '--output', 'json')).stdout).revisions
  const { nodes: listed } = JSON.parse((await verb('nodes', '--output', 'json')).stdout)
  expect(listed.map(({ revision }: { revision: string }) => revision)).toEqual([hash.slice(0, 12), hash.slice(0, 12)])
})

test('`gatehouse revisions show` prints the files of a revision, or writes them to a folder', async () => {
  const shown = await verb('revisions', 'show', '2')
  expect(shown).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('bootstrap: open orders') })
  expect(shown.stdout).toContain('# ---- orders.yaml\n')
  expect(shown.stdout).toContain('require: public')

  const out = join(folder, 'out')
  expect(await verb('revisions', 'show', '1', '--out', out)).toMatchObject({ exitCode: 0, stdout: '' })
  expect(readdirSync(out).map((name) => [name, readFileSync(join(out, name), 'utf8')])).toEqual(Object.entries(seed))
  expect(await verb('revisions', 'show', '1', '--out', out)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('EEXIST'),
  })
})

test('`gatehouse apply --no-wait` does not wait for the nodes', async () => {
  const applied = await verb('apply', policyOf('seed'), '--no-wait')

  // A node may already have acknowledged when the reply is made.
  expect([0, 4], applied.stderr).toContain(applied.exitCode)
  expect(applied.stdout).toContain('Revision 8 is active.')
})

test('the admin API takes the author of a revision from the token, accepts a policy above 64 KiB, and refuses a file name with a folder', async () => {
  const token = issuer.sign({ claims: { aud: adminAudience, sub: 'olga', scope: 'gatehouse:policy' } })
  const apply = (files: readonly { name: string; text: string }[], more: object = {}) =>
    fetch(`${env['GATEHOUSE_ADMIN_URL']}/api/v1/policy/apply`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ files, message: 'large', ...more }),
    })
  const files = Object.entries(seed).map(([name, text]) => ({ name, text: `# ${'-'.repeat(40_000)}\n${text}` }))
  const applied = await apply(files)
  expect([applied.status, await applied.json()]).toEqual([200, expect.objectContaining({ number: 9 })])
  expect((await revisions()).revisions[0]).toMatchObject({ number: 9, author: 'olga', message: 'large' })

  const outside = await apply([{ name: '../orders.yaml', text: issuers }])
  expect([outside.status, await outside.json()]).toMatchObject([400, { errors: [{ pointer: '/files/0/name' }] }])
  const forged = await apply(files, { author: 'root' })
  expect([forged.status, await forged.json()]).toMatchObject([400, { errors: [{ pointer: '/author' }] }])
  const huge = await apply([{ name: 'a.yaml', text: '#'.repeat(3 * 1024 * 1024) }])
  expect([huge.status, await huge.json()]).toMatchObject([413, { code: 'content_too_large' }])
})
