import { expect, test } from 'vitest'
import { offlineGate } from '../../../gateway/cli/offline-gate.ts'
import { readSettings } from '../../../gateway/config/settings.ts'
import { GatewayNode } from '../../../gateway/node.ts'
import type { Exchange } from '../../../gateway/pipeline/exchange/exchange.ts'
import type { Step } from '../../../gateway/pipeline/exchange/steps.ts'
import { dryRunGate, type Gate, inertMembers } from '../../../gateway/pipeline/gate.ts'
import { lifecycle } from '../../../gateway/pipeline/lifecycle.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { loginNode, loginSecrets } from '../../kit/login-gate.ts'
import { NodeFolder } from '../../kit/node-folder.ts'
import { freePort } from '../../kit/ports.ts'
import { request, requestBytes } from '../../kit/raw-client.ts'
import { testRedis } from '../../kit/redis.ts'

// Tests of the gate object (the dependencies of the phases) of a real node with Redis, logins, traces and an access
// log. All exchanges of the node use this object.

// The issuer clients of the node read their secrets from the environment of the process.
Object.assign(process.env, loginSecrets)
const redis = await testRedis()
const port = freePort()
const gate = await gateOfNode()

/**
 * Starts a node with every component. Returns the gate object of the node as the first phase of an exchange receives
 * it.
 */
async function gateOfNode(): Promise<Gate> {
  // Nothing listens at this address. A node starts even if its issuers and services are unreachable.
  const absent = 'http://127.0.0.1:1'
  const { policy, settings } = loginNode({ issuer: absent, orders: absent, redisPort: redis.port, port })
  const folder = new NodeFolder()
  atEnd(() => folder.remove())
  folder.writePolicy(policy)
  const traces = { endpoint: `${absent}/v1/traces`, sample: 1 }
  const assertion = [{ id: 'test-1', secret: { file: folder.file('assertion.jwk') } }]
  const keys = { ...(settings?.['keys'] as object), assertion }
  const certificates = { proxies: ['192.0.2.1'], client_certificate: 'client-cert' }
  folder.writeSettings({
    ...settings,
    ...certificates,
    keys,
    log: { level: 'error', access: true },
    telemetry: { traces },
    audit: { decision_facts: true },
  })

  const seen: Gate[] = []
  const capture: Step = {
    name: 'capture-gate',
    waits: false,
    denies: [],
    answers: [],
    throws: [],
    run(x: Exchange) {
      seen.push(x.gate)
      return undefined
    },
  }
  const loaded = readSettings({ path: folder.file('gatehouse.yaml'), env: loginSecrets, flags: {} })
  const node = await GatewayNode.start(loaded, { ...lifecycle, request: [capture, ...lifecycle.request] })
  atEnd(() => node.stop())
  await request(port, requestBytes({ target: '/' }))
  return seen[0]!
}

test('a node with every component replaces each inactive default of the gate object that the phases use, except those of canaries and drains', () => {
  const inert = Object.entries(inertMembers).filter(([name, value]) => gate[name as keyof Gate] === value)

  // `baseRuntime` is set while the node tries a policy as a canary, `draining` when the node stops.
  expect(inert.map(([name]) => name)).toEqual(['baseRuntime', 'draining'])
})

test('the gate objects of `gatehouse explain` and of a dry run have the same members as the gate object of a node', async () => {
  const { lifecycle, checkLifecycle, runtime, verifier } = gate
  const offline = await offlineGate(runtime.snapshot, verifier, 'https://gate.test')
  const dry = dryRunGate(gate, { scheme: 'https', lifecycle, checkLifecycle })
  const members = Object.keys(gate).toSorted()

  expect(Object.keys(offline).toSorted()).toEqual(members)
  expect(Object.keys(dry).toSorted()).toEqual(members)
})
