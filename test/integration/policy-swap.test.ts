import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { swap } from '../kit/swap.ts'
import { until } from '../kit/until.ts'
import { admitted, badToken, type Gate, identity, missingScope, notFound, refused } from './admission.ts'
import { KeepAliveLoad } from './keep-alive-load.ts'
import { publicRoute, startPolicySwap } from './policy-swap.ts'

// docs/design/architecture.md §3: a changed policy is compiled completely and then replaces the policy in force by one
// assignment. An exchange keeps the policy in which it was matched. An invalid policy has no effect and is logged.

const { issuer, first, second, policy } = await startPolicySwap()
const target = '/orders/1'

test('during fifty policy changes under load, no request fails, is lost or is sent to the service twice', async () => {
  const owner = await startIssuer()
  const main = { issuer: owner.url }
  const node = await startNode({ policy: policy({ main }) })
  const known = Array.from({ length: 20 }, () => owner.sign())
  const body = 'b'.repeat(3000)
  const before = first.requests.length + second.requests.length
  await until('the node has the keys of the issuer', async () => {
    return (await request(node.port, requestBytes({ target: '/orders/known', token: known[0]! }))).status === 200
  })
  const { keys } = owner.fetches

  const load = new KeepAliveLoad({
    port: node.port,
    connections: 20,
    pauseMs: 10,
    request: (number) => {
      // Every third token is new, so that its exchange waits for a verification during which the policy can change.
      const token = number % 3 === 0 ? owner.sign() : known[number % known.length]!
      const post = number % 4 === 0
      return requestBytes({ target: `/orders/${number}`, token, ...(post ? { method: 'POST', body } : {}) })
    },
    faultOf: (reply, number) => {
      if (reply.status !== 200) return `${reply.status} ${reply.text}`
      const { url, body: seen } = reply.json() as { url: string; body: { bytes: number } }
      const expected = number % 4 === 0 ? body.length : 0
      return url === `/orders/${number}` && seen.bytes === expected
        ? undefined
        : `reply to another request: ${reply.text}`
    },
  })
  for (let i = 1; i <= 50; i++) {
    await swap(
      node,
      policy({
        // Other upstreams and other timeouts create and remove connection pools.
        upstreams: [[first.url], [first.url, second.url], [second.url]][i % 3]!,
        service: {
          timeouts: { connect: i % 2 === 0 ? '2s' : '3s' },
          roles: { r: { claim: 'groups', any: [`g${i}`] } },
        },
        main: { ...main, clock_tolerance: `${5 + Math.floor(i / 5)}s` },
        routes: [publicRoute(`only-${i}`)],
      }),
    )
    expect((await request(node.port, requestBytes({ target: `/only-${i}` }))).status).toBe(200)
    expect((await request(node.port, requestBytes({ target: `/only-${i - 1}` }))).status).toBe(404)
  }
  const { good, failures, retried, closed } = await load.stop()

  expect(failures).toEqual([])
  expect({ retried, closed }).toEqual({ retried: 0, closed: 0 })
  expect(good).toBeGreaterThan(500)
  const seen = [...first.requests, ...second.requests].slice(before).filter(({ url }) => url.startsWith('/orders/'))
  expect(first.requests.length + second.requests.length - before).toBe(good + 51)
  expect(seen.every(({ aborted }) => !aborted)).toBe(true)
  expect([...first.malformed, ...second.malformed]).toEqual([])
  // The node keeps issuer keys across policy changes, so the keys are fetched only once.
  expect(owner.fetches.keys).toBe(keys)
})

test('after the activation of a changed policy, the next exchange follows the changed policy', async () => {
  const node = await startNode({ policy: policy({ routes: [publicRoute('page')] }) })
  const gate: Gate = { node, services: [first, second] }
  const token = issuer.sign({ claims: { groups: ['staff'] } })
  const { received } = await admitted(gate, { target, token })
  expect(await identity(gate, received)).toMatchObject({ roles: [] })
  await admitted(gate, { target: '/page' })

  await swap(node, policy())
  await refused(gate, { target: '/page' }, notFound)

  await swap(node, policy({ scope: 'orders:all' }))
  await refused(gate, { target, token }, missingScope('orders:all'))

  await swap(node, policy({ service: { roles: { employee: { claim: 'groups', any: ['staff'] } } } }))
  const later = await admitted(gate, { target, token })
  expect(await identity(gate, later.received)).toMatchObject({ roles: ['employee'] })

  await swap(node, policy({ upstreams: [second.url] }))
  const count = second.requests.length
  await admitted(gate, { target, token })
  expect(second.requests).toHaveLength(count + 1)
})

test('the gate validates a cached token by the changed rules of its issuer', async () => {
  const node = await startNode({ policy: policy() })
  const gate: Gate = { node, services: [first, second] }
  const token = issuer.sign()
  await admitted(gate, { target, token })

  for (const [main, reason] of [
    [{ audience: ['https://other.test'] }, 'token-audience'],
    [{ max_token_lifetime: '60s' }, 'token-lifetime'],
    [{ algorithms: ['RS256'] }, 'token-algorithm'],
    [{ issuer: `${issuer.url}/other` }, 'token-issuer-unknown'],
  ] as const) {
    await swap(node, policy({ main }))
    await refused(gate, { target, token }, badToken(reason))
    await swap(node, policy())
    // A busy machine may miss the deadline of 2 s when the gate fetches the keys of the issuer again.
    await until('the token is admitted again', async () => {
      return (await request(node.port, requestBytes({ target, token }))).status !== 503
    })
    await admitted(gate, { target, token })
  }
})

test('an exchange that waits during a policy change is sent to an upstream of the policy under which its route was matched', async () => {
  const { promise: keysReleased, resolve: releaseKeys } = Promise.withResolvers<void>()
  const keys = await rawUpstream(async (wire) => {
    await wire.until('\r\n\r\n')
    await keysReleased
    const body = JSON.stringify({ keys: [issuer.keys[0]!.publicJwk] })
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  })
  const main = { jwks_uri: keys.url }
  const routes = [publicRoute('page')]
  const node = await startNode({ policy: policy({ main, routes }) })
  // This request opens a pooled connection to the upstream that the policy change removes.
  await admitted({ node, services: [first] }, { target: '/page' })
  const path = `/orders/${randomUUID()}`
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: path, token: issuer.sign() }))
  // The reply to a later request proves that the gate has matched the earlier request with a route of the old policy.
  await refused({ node, services: [] }, { target: '/nowhere' }, notFound)

  await swap(node, policy({ main, upstreams: [second.url] }))
  releaseKeys()
  const reply = await readReply(wire)

  expect(reply!.status, reply!.text).toBe(200)
  expect(first.requests.filter(({ url }) => url === path)).toHaveLength(1)
})

test('the gate completes a response in progress after its upstream is removed from the policy', async () => {
  const { promise: swapped, resolve: continueReply } = Promise.withResolvers<void>()
  const streaming = await rawUpstream(async (wire) => {
    await wire.until('\r\n\r\n')
    await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst')
    await swapped
    await wire.send(' last')
    await wire.rest()
  })
  const node = await startNode({ policy: policy({ upstreams: [streaming.url] }) })
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target, token: issuer.sign() }))
  await wire.until('first')

  await swap(node, policy({ upstreams: [second.url] }))
  continueReply()

  expect((await wire.take(5)).toString()).toBe(' last')
  await node.waitForRecord(({ path, decision }) => path === target && decision === 'admitted')
})
