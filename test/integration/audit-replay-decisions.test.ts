import { randomBytes } from 'node:crypto'
import { Agent, request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import { type Reason, reasons } from '../../gateway/base/reasons.ts'
import { RecordReplay, type Replayed } from '../../gateway/cli/replay/record-replay.ts'
import { compilePolicy } from '../../gateway/policy/compile.ts'
import { readPolicy } from '../../gateway/policy/policy-source.ts'
import { auditRecords } from '../kit/audit-records.ts'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

// With `audit.decision_facts`, `gatehouse check --from-audit` replays recorded requests by another policy. Its decisions
// are those of a node that runs the other policy.

const REQUESTS = 1500
const [issuer, upstream, redis] = await Promise.all([startIssuer(), startUpstream(), testRedis()])
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)
const bootstrap = randomBytes(32).toString('base64url')

type Entry = Readonly<Record<string, unknown>>
const main = { issuer: issuer.url, audience: [testAudience] }
const manager = { claim: 'realm_access.roles', any: ['manager'] }
const scope = (name: string) => ({ scopes: { all: [name] } })
const policyOf = (
  routes: readonly Entry[],
  { entry = main, roles = { manager } }: { entry?: Entry; roles?: Entry } = {},
) => ({
  version: 1,
  issuers: { main: entry },
  services: { orders: { upstreams: [upstream.url], roles, routes } },
})

const read = { id: 'read', match: { path: '/orders/**', methods: ['GET'] }, require: scope('orders:read') }
const write = {
  id: 'write',
  match: { path: '/orders/**', methods: ['POST'] },
  require: { all: [scope('orders:write'), { roles: { any: ['manager'] } }] },
}
const tenant = {
  id: 'tenant',
  match: { path: '/tenant' },
  require: {
    all: [
      scope('orders:read'),
      { headers: { 'x-tenant': { any: ['acme'] } } },
      { claims: { tier: { any: ['gold'] } } },
    ],
  },
}
const open = { id: 'open', match: { path: '/open' }, require: 'public' }
const strong = { id: 'strong', match: { path: '/strong' }, require: { acr: ['urn:strong'] } }
const old = policyOf([read, write, tenant, open, strong])

/** Candidate policies. Those under `lacks` examine facts that the records do not contain. */
const candidates: Readonly<Record<string, { policy: object; lacks?: RegExp }>> = {
  stricter: {
    policy: policyOf([
      { ...read, require: { all: [scope('orders:read'), { claims: { tier: { any: ['gold', 'silver'] } } }] } },
      { ...write, require: { any: [{ roles: { any: ['manager'] } }, scope('orders:admin')] } },
      { ...tenant, addresses: { allow: ['10.0.0.0/8'] } },
      { ...strong, require: 'public' },
    ]),
  },
  wider: {
    policy: policyOf([
      { ...read, require: 'public' },
      { ...write, require: { not: { headers: { 'x-tenant': { any: ['acme'] } } } } },
      { ...tenant, require: { clients: { any: ['reader'] } } },
      { ...open, match: { path: '/**' }, require: scope('orders:read') },
    ]),
  },
  unknown: {
    policy: policyOf(
      [
        { ...read, require: { all: [scope('orders:read'), { claims: { department: { any: ['sales'] } } }] } },
        write,
        { ...tenant, require: { headers: { 'x-region': { any: ['eu'] } } } },
        open,
      ],
      { roles: { manager: { claim: 'groups', any: ['managers'] } } },
    ),
    lacks: /^(claim department|role manager by this mapping|request field x-region|a verified credential)$/,
  },
}

const settings = {
  redis: { url: `redis://127.0.0.1:${redis.port}` },
  admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
  audit: { decision_facts: true },
}
const node = await startNode({ policy: old, settings, env: { BOOTSTRAP: bootstrap } })
const agent = new Agent({ keepAlive: true, maxSockets: 8 })
atEnd(() => agent.destroy())

/** Numbers that look random and are the same in each run (a linear congruential generator). */
let state = 7
const below = (limit: number): number => {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
  return Math.floor((state / 2_147_483_648) * limit)
}
const one = <T>(values: readonly T[]): T => values[below(values.length)]!

const secretTier = 'secret-tier-value'
const tokens = Array.from({ length: 40 }, () =>
  issuer.sign({
    claims: {
      scope: one(['orders:read', 'orders:write', 'orders:read orders:write', 'orders:admin', '']),
      client_id: one(['reader', 'writer']),
      realm_access: { roles: one([[], ['manager'], ['other', 'manager']]) },
      tier: one(['gold', 'silver', ['gold', 'x'], 7, { name: secretTier }, undefined]),
      acr: one(['urn:strong', undefined]),
      department: one(['sales', undefined]),
      groups: one([['managers'], undefined]),
      email: 'private@mail.test',
    },
  }),
)
tokens.push(issuer.sign({ claims: { exp: 1 } }), 'malformed', '')

interface Sent {
  readonly method: string
  readonly path: string
  readonly token: string
  readonly fields: Readonly<Record<string, string | string[]>>
}

const requests: readonly Sent[] = Array.from({ length: REQUESTS }, () => ({
  method: one(['GET', 'GET', 'POST']),
  path: one(['/orders/7', '/orders/a%20b', '/tenant', '/open', '/strong', '/nothing']),
  token: one(tokens),
  fields: one<Sent['fields']>([
    {},
    { 'x-tenant': 'acme' },
    { 'x-tenant': 'other', 'x-region': 'eu' },
    { 'x-tenant': ['acme', 'acme'] },
  ]),
}))

interface Reply {
  readonly id: string
  readonly status: number
  readonly code: string
}

async function send(port: number, { method, path, token, fields }: Sent): Promise<Reply> {
  const headers = {
    ...fields,
    'content-length': '0',
    'x-secret': 'never-recorded',
    ...(token !== '' && { authorization: `Bearer ${token}` }),
  }
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const sent = httpRequest({ port, method, path, headers, agent }, async (reply) => {
    const body = await text(reply)
    const status = reply.statusCode!
    resolve({
      id: String(reply.headers['x-request-id']),
      status,
      code: status < 400 ? 'admitted' : JSON.parse(body).code,
    })
  })
  sent.once('error', reject)
  sent.end()
  return promise
}

async function sendAll(to: TestNode): Promise<Reply[]> {
  const replies: Reply[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < requests.length) {
      const i = next++
      replies[i] = await send(to.port, requests[i]!)
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return replies
}

const before = await sendAll(node)
const records = new Map<string, AuditRecord>()
const end = await send(node.port, { method: 'GET', path: '/open', token: '', fields: {} })
for (const record of await auditRecords(link, (each) => each['gatehouse.request.id'] === end.id)) {
  records.set(String(record['gatehouse.request.id']), record)
}

const bytesOf = (policy: object) => Buffer.from(stringify(policy))

/** Replays the records of all requests by a policy; `undefined`: the request shares a record with others. */
async function replayAll(policy: object): Promise<(Replayed | undefined)[]> {
  const replay = new RecordReplay(compilePolicy(readPolicy([{ file: 'policy.yaml', bytes: bytesOf(policy) }])))
  const replayed: (Replayed | undefined)[] = []
  for (const { id } of before) replayed.push(records.has(id) ? await replay.replay(records.get(id)!) : undefined)
  return replayed
}

/** Refusals without a route above a rate share a record. */
const shared = 'requests without a route that share one record'

const codeOf = (reason: Reason) => `${reasons[reason].status} ${reasons[reason].code}`

test('a replay of audit records against the policy that made the decisions changes no decision', async () => {
  const replayed = (await replayAll(old)).filter((each) => each !== undefined)
  const wrong = replayed.filter((each) => 'before' in each && each.before !== each.after)

  expect(wrong).toEqual([])
  expect(replayed.filter((each) => 'before' in each).length).toBeGreaterThan(REQUESTS / 2)
})

test.each(Object.entries(candidates))(
  'a replay of audit records against the candidate policy `%s` gives the decisions of a node that runs this policy',
  async (_, { policy, lacks = /^a verified credential$/ }) => {
    const candidate = await startNode({ policy })
    atEnd(() => candidate.stop())
    const after = await sendAll(candidate)
    const replayed = await replayAll(policy)
    const wrong = replayed.flatMap((each, i) => {
      const { status, code } = after[i]!
      if (each === undefined || !('before' in each) || codeOf(each.after) === `${status} ${code}`) return []
      return [{ ...each, status, code, request: requests[i] }]
    })
    const decided = replayed.filter((each) => each !== undefined && 'before' in each)
    const lacking = replayed.flatMap((each) => (each !== undefined && 'undecidable' in each ? [each.undecidable] : []))

    expect(wrong).toEqual([])
    expect(decided.length).toBeGreaterThan(REQUESTS / 3)
    expect(lacking.filter((fact) => fact !== shared && !lacks.test(fact))).toEqual([])
    expect(decided.some((each) => 'before' in each! && each.before !== each.after)).toBe(true)
  },
)

test('the decision facts in audit records contain the claims and request fields that the policy names, and no other values', () => {
  const texts = [...records.values()].map((record) => String(record['gatehouse.decision_facts'] ?? ''))
  const all = texts.join('\n')

  expect(all).toContain('"[\\"tier\\"]":"gold"')
  expect(all).toContain('"x-tenant":"acme"')
  for (const other of [secretTier, 'private@mail.test', 'never-recorded', 'x-secret', 'email', 'x-region', 'sales'])
    expect(all).not.toContain(other)
  for (const token of tokens.slice(0, 40)) expect(all).not.toContain(token)
})

test('`gatehouse check --from-audit` exits with 1 and lists the changes when the policy would change recorded decisions, and otherwise exits with 0', async () => {
  const env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
  const run = (policy: object, ...words: string[]) =>
    runVerb(['check', '-', '--from-audit', '1h', ...words], env, bytesOf(policy).toString())
  const [same, stricter, text] = await Promise.all([
    run(old, '-o', 'json'),
    run(candidates['stricter']!.policy, '-o', 'json'),
    run(candidates['stricter']!.policy),
  ])

  expect([same.exitCode, same.stderr]).toEqual([0, ''])
  expect(JSON.parse(same.stdout)).toMatchObject({ changed: 0, changes: [], complete: true })
  expect([stricter.exitCode, stricter.stderr]).toEqual([1, ''])
  expect(JSON.parse(stricter.stdout).changes).toContainEqual({
    route: 'read',
    before: 'admitted',
    after: 'claim-mismatch',
    requests: expect.any(Number),
    examples: expect.arrayContaining([
      expect.objectContaining({ method: expect.any(String), path: expect.stringMatching(/^.orders/) }),
    ]),
  })
  expect(text.stdout).toMatch(/would change/)
  expect(text.stdout).toMatch(/^read +admitted +claim-mismatch +\d+ +GET /m)
})
