import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { DpopClient, dpopFields } from '../kit/dpop.ts'
import { startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { testPolicy } from '../kit/policy.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { swap } from '../kit/swap.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { Wire } from '../kit/wire.ts'

// A stream ends for the same causes for which a new request is refused: a changed policy, a withdrawn key, or an
// introspection response that the token is no longer active.

const replies: ServerResponse[] = []
const upstream = await startUpstream({
  handler: async ({ method, url, over }, response) => {
    if (url.endsWith('/upload')) {
      await over
      return
    }
    const type = url.endsWith('/file') ? 'application/octet-stream' : 'text/event-stream'
    response.writeHead(200, { 'content-type': type })
    if (method === 'HEAD') response.end()
    else response.write('data: begun\n\n')
    replies.push(response)
  },
})

interface Opened {
  readonly wire: Wire
  readonly reply: ServerResponse
}

async function open(node: TestNode, token: string, target = '/orders/events'): Promise<Opened> {
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target, token }))
  await wire.until('data: begun\n\n')
  return { wire, reply: replies.at(-1)! }
}

/** Proves that the stream still relays: the service sends an event, and the client gets it. */
async function goesOn({ wire, reply }: Opened): Promise<void> {
  reply.write('data: goes on\n\n')
  await wire.until('data: goes on\n\n')
}

async function endedBy(node: TestNode, { wire }: Opened, subject: string): Promise<unknown> {
  expect((await wire.until('0\r\n\r\n')).toString('latin1')).toBe('\r\n0\r\n\r\n')
  const wanted = (record: { readonly [field: string]: unknown }) =>
    record['subject'] === subject && record['reason'] === 'stream-ended'
  return (await node.waitForRecord(wanted))['stream_end']
}

const issuer = await startIssuer()
const other = await startIssuer()

interface PolicyParts {
  readonly main?: object
  readonly scope?: string
  readonly issuers?: readonly string[]
  readonly addresses?: object
  readonly streams?: object
  readonly timeouts?: object
}

function policyOf({
  main,
  scope = 'orders:read',
  issuers = ['main', 'other'],
  addresses,
  streams,
  timeouts,
}: PolicyParts = {}): object {
  const policy = testPolicy({
    issuer: issuer.url,
    orders: upstream.url,
    main: main as Record<string, unknown>,
    ordersEntry: {
      issuers,
      routes: [
        {
          id: 'orders',
          match: { path: '/orders/**' },
          require: { scopes: { all: [scope] } },
          ...(addresses !== undefined && { addresses }),
          ...(streams !== undefined && { streams }),
          ...(timeouts !== undefined && { timeouts }),
        },
      ],
    },
  })
  Object.assign((policy as { issuers: object }).issuers, {
    other: { issuer: other.url, audience: ['https://api.test'] },
  })
  return policy
}

const tokenOf = (sub: string, by = issuer, scope = 'orders:read') => by.sign({ claims: { sub, scope } })

test('a changed policy ends the streams that it refuses, and other streams continue', async () => {
  const node = await startNode({ policy: policyOf() })
  const [weak, strong, foreign] = [
    await open(node, tokenOf('weak')),
    await open(node, tokenOf('strong', issuer, 'orders:read orders:more')),
    await open(node, tokenOf('foreign', other, 'orders:read orders:more')),
  ]
  await swap(node, policyOf({ scope: 'orders:more' }))
  expect(await endedBy(node, weak, 'weak')).toBe('scope-missing')
  await goesOn(strong)
  await goesOn(foreign)

  await swap(node, policyOf({ scope: 'orders:more', issuers: ['main'] }))
  expect(await endedBy(node, foreign, 'foreign')).toBe('token-issuer-not-accepted')
  await goesOn(strong)

  // The token is verified again under the new rules of its issuer.
  await swap(node, policyOf({ scope: 'orders:more', main: { clock_tolerance: '7s' } }))
  await goesOn(strong)

  await swap(node, policyOf({ scope: 'orders:more', addresses: { allow: ['192.0.2.0/24'] } }))
  expect(await endedBy(node, strong, 'strong')).toBe('address-denied')
})

test('an event stream ends after streams.max_age of its route, and timeouts.total does not end it', async () => {
  const node = await startNode({ policy: policyOf({ streams: { max_age: '3s' }, timeouts: { total: '1s' } }) })
  const startedMs = Date.now()
  const opened = await open(node, tokenOf('aged'))
  expect(await endedBy(node, opened, 'aged')).toBe('stream-max-age')
  expect(Date.now() - startedMs).toBeGreaterThanOrEqual(3000)
})

test('timeouts.idle ends a silent download but not a silent event stream, and streams.idle ends a silent event stream without an error', async () => {
  const node = await startNode({ policy: policyOf({ timeouts: { idle: '1s' } }) })
  const events = await open(node, tokenOf('silent'))
  await open(node, tokenOf('download'), '/orders/file')
  const cut = await node.waitForRecord(({ subject }) => subject === 'download')
  expect(cut['reason']).toBe('reply-broken')
  await goesOn(events)

  await swap(node, policyOf({ timeouts: { idle: '1s' }, streams: { idle: '2s' } }))
  expect(await endedBy(node, events, 'silent')).toBe('stream-idle')
})

test('with streams.end: keep, a stream continues beyond the expiry of its token and a change of the policy', async () => {
  const kept = { streams: { end: 'keep' }, main: { clock_tolerance: '0s' } }
  const node = await startNode({ policy: policyOf(kept) })
  const relaxation = 'services.orders.routes[orders].streams.end: keep'
  expect((await node.waitForLine(({ msg }) => msg === 'node started'))['relaxations']).toContain(relaxation)
  const expS = Math.floor(Date.now() / 1000) + 3
  const opened = await open(node, issuer.sign({ claims: { sub: 'kept', exp: expS } }))
  const ended = await open(node, tokenOf('kept-until-max-age'))

  await swap(node, policyOf({ ...kept, scope: 'orders:more' }))
  await expect.poll(() => Date.now(), { timeout: 20_000 }).toBeGreaterThan(expS * 1000 + 1000)
  await goesOn(opened)

  await swap(node, policyOf({ streams: { end: 'keep', max_age: '1s' } }))
  expect(await endedBy(node, ended, 'kept-until-max-age')).toBe('stream-max-age')
})

test('an event stream above a limit of streams is refused before its head is sent, and another stream is admitted after one has ended', async () => {
  const node = await startNode({
    policy: policyOf({ streams: { max: 3, max_per_subject: 2 } }),
    settings: { streams: { max_per_address: 100 } },
  })
  const statusOf = async (sub: string) =>
    (await request(node.port, requestBytes({ target: '/orders/events', token: tokenOf(sub) }))).status
  const [first] = [await open(node, tokenOf('ann')), await open(node, tokenOf('ann'))]
  expect(await statusOf('ann')).toBe(429)
  await node.waitForRecord(({ reason }) => reason === 'stream-limited')
  await open(node, tokenOf('bob'))
  expect(await statusOf('carl')).toBe(503)
  await node.waitForRecord(({ reason }) => reason === 'streams-full')

  first!.reply.end()
  await first!.wire.until('0\r\n\r\n')
  await open(node, tokenOf('ann'))
})

test('a node limits the number of event streams of one address', async () => {
  const node = await startNode({ policy: policyOf(), settings: { streams: { max_per_address: 1 } } })
  await open(node, tokenOf('ann'))
  const reply = await request(node.port, requestBytes({ target: '/orders/events', token: tokenOf('bob') }))
  expect(reply.status).toBe(429)
  const from = '127.0.0.9'
  const wire = await connect(node.port, from)
  await wire.send(requestBytes({ target: '/orders/events', token: tokenOf('bob') }))
  await wire.until('data: begun\n\n')
})

test('the second part of an upload that arrives after the expiry of the token is not sent to the service, however short the upload is', async () => {
  const node = await startNode({ policy: policyOf({ main: { clock_tolerance: '0s' } }) })
  const wires: Wire[] = []
  const expMs = Math.ceil(Date.now() / 1000) * 1000 + 2000
  const token = issuer.sign({ claims: { sub: 'brief', exp: expMs / 1000 } })
  await warm(node, token)
  // Most of these uploads are too short for the periodic search for streams.
  for (const beforeMs of [220, 200, 180, 160, 140, 120, 100, 80, 60, 40]) {
    await until('shortly before the expiry', () => Date.now() >= expMs - beforeMs)
    const wire = await connect(node.port)
    const fields = [['Content-Length', '10']] as const
    const head = requestBytes({ method: 'POST', target: '/orders/upload', token, fields })
    await wire.send(Buffer.concat([head, Buffer.from('first')]))
    wires.push(wire)
  }
  await until('the token has expired', () => Date.now() >= expMs + 10)
  for (const wire of wires) {
    await wire.send('later')
    // 503: the token expired while the request waited.
    expect((await wire.until('\r\n\r\n')).toString('latin1')).toMatch(/^HTTP\/1\.1 (401|503) /)
  }
  const uploads = upstream.requests.filter(({ url }) => url.endsWith('/upload'))
  expect(uploads.map(({ body }) => body.toString()).filter((body) => body.includes('later'))).toEqual([])
})

/** Makes the node verify the token. */
async function warm(node: TestNode, token: string): Promise<void> {
  await request(node.port, requestBytes({ target: '/orders/events', token, method: 'HEAD' }), { head: true })
}

test('when a change of their issuer makes the gate verify the tokens of 100 streams again, all streams continue', async () => {
  const node = await startNode({ policy: policyOf() })
  const all = await Promise.all(Array.from({ length: 100 }, (_, i) => open(node, tokenOf(`many-${i}`))))
  await swap(node, policyOf({ main: { clock_tolerance: '7s' } }))
  for (const reply of replies.slice(-100)) reply.write('data: goes on\n\n')
  for (const { wire } of all) await wire.until('data: goes on\n\n')
})

test('a withdrawn issuer key ends the streams of the tokens that it signed, and other streams continue', async () => {
  const issuer = await startIssuer()
  const policy = testPolicy({ issuer: issuer.url, orders: upstream.url })
  const node = await startNode({ policy })
  const old = issuer.key
  const signed = await open(node, tokenOf('old', issuer))
  const next = issuer.rotate()
  const renewed = await open(node, tokenOf('new', issuer))

  issuer.drop(old)
  issuer.rotate()
  // A token of an unknown key makes the node fetch the keys again.
  await expect
    .poll(
      async () =>
        (
          await request(
            node.port,
            requestBytes({ target: '/orders/events', token: tokenOf('x', issuer), method: 'HEAD' }),
            { head: true },
          )
        ).status,
      { timeout: 90_000 },
    )
    .toBe(200)

  expect(await endedBy(node, signed, 'old')).toBe('token-key-unknown')
  expect(issuer.keys.map(({ kid }) => kid)).toContain(next.kid)
  await goesOn(renewed)
})

test('the gate introspects an opaque token again while its stream is open, and ends the stream when the token is inactive', async () => {
  const issuer = await startIntrospectionIssuer()
  const node = await startNode(
    opaqueGate({
      issuer: issuer.url,
      orders: upstream.url,
      introspection: { cache: '1s', stale: '0s' },
    }),
  )
  const token = issuer.issue({ sub: 'opaque' })
  const opened = await open(node, token)
  await expect.poll(() => issuer.askedAbout(token), { timeout: 20_000 }).toBeGreaterThan(2)
  await goesOn(opened)

  issuer.revoke(token)
  expect(await endedBy(node, opened, 'opaque')).toBe('token-inactive')
})

test('the stream of a DPoP-bound token continues without a new proof, and ends when the issuer reports that the token is bound to another key', async () => {
  const issuer = await startIntrospectionIssuer()
  const introspection = { cache: '1s', stale: '0s' }
  const node = await startNode(opaqueGate({ issuer: issuer.url, orders: upstream.url, introspection }))
  const [client, thief] = [new DpopClient(), new DpopClient()]
  const token = issuer.issue({ sub: 'bound', cnf: { jkt: client.thumbprint } })
  const target = '/orders/events'
  const fieldsWith = (claims: object) =>
    dpopFields(token, client.proof(`http://127.0.0.1:${node.port}${target}`, token, { claims: { ...claims } }))
  const asked = await request(node.port, requestBytes({ target, fields: fieldsWith({}) }))
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target, fields: fieldsWith({ nonce: asked.field('dpop-nonce') }) }))
  await wire.until('data: begun\n\n')
  const opened = { wire, reply: replies.at(-1)! }
  await expect.poll(() => issuer.askedAbout(token), { timeout: 20_000 }).toBeGreaterThan(2)
  await goesOn(opened)

  issuer.issue({ sub: 'bound', cnf: { jkt: thief.thumbprint } }, token)
  expect(await endedBy(node, opened, 'bound')).toBe('token-binding')
})

test('while the issuer of an opaque token is unavailable, the gate relays no data of a stream with this token, and continues afterwards', async () => {
  const issuer = await startIntrospectionIssuer()
  const node = await startNode(
    opaqueGate({
      issuer: issuer.url,
      orders: upstream.url,
      introspection: { cache: '1s', stale: '0s' },
    }),
  )
  const token = issuer.issue({ sub: 'held' })
  const opened = await open(node, token)
  let refusals = 0
  issuer.script = () => {
    refusals++
    return { status: 500 }
  }
  await expect.poll(() => refusals, { timeout: 20_000 }).toBeGreaterThan(1)
  opened.reply.write('data: first\n\n')
  opened.reply.write('data: second\n\n')
  expect(await opened.wire.quiet(300)).toBe(true)

  issuer.script = undefined
  const text = (await opened.wire.until('data: second\n\n')).toString('latin1')
  expect(text).toContain('data: first\n\n')
  await goesOn(opened)
})
