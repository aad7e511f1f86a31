import { beforeAll, test } from 'vitest'
import { admitted, type Gate } from '../integration/admission.ts'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { startUpstream } from '../kit/upstream.ts'

// What a review of introspection found, at a node that stands alone.

let issuer: IntrospectionIssuer
let gate: Gate
let orders: string

const introspection = { cache: '1s', stale: '0s', negative_cache: '0s' }
const rechecked = (more: object = {}) =>
  opaqueGate({ issuer: issuer.url, orders, introspection, main: { tokens: 'jwt', recheck: '30s', ...more } })

beforeAll(async () => {
  issuer = await startIntrospectionIssuer()
  const upstream = await startUpstream()
  orders = upstream.url
  gate = { node: await startNode(rechecked()), services: [upstream] }
})

async function apply(policy: object | string): Promise<void> {
  const revision = gate.node.writePolicy(policy)
  await gate.node.waitForLine((line) => line.msg === 'policy changed' && line['revision'] === revision)
}

test('recheck: a JWT in use outlives a change of what the policy says of its issuer', async () => {
  const token = issuer.sign()
  await admitted(gate, { target: '/orders/1', token })

  await apply(rechecked({ audience: [testAudience, 'https://another.test'] }).policy)

  await admitted(gate, { target: '/orders/1', token })
  await admitted(gate, { target: '/orders/1', token })
})
