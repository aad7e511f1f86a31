import { expect, test } from 'vitest'
import { defaultSettings, offlineGate } from '../../../gateway/cli/offline-gate.ts'
import { dryRunGate, makeGate } from '../../../gateway/pipeline/gate.ts'
import { Traffic } from '../../../gateway/telemetry/traffic.ts'
import { snapshotOf } from '../policy/policy-text.ts'

const snapshot = snapshotOf(
  '{ version: 1, services: { s: { upstreams: [http://s.test], routes: [{ id: r, match: { path: /** }, require: public }] } } }',
)
const verifier = {
  verify: () => 'token-malformed' as const,
  knows: () => false,
  holdsValid: () => false,
  isIntrospected: () => false,
}
const offline = await offlineGate(snapshot, verifier, 'https://gate.test')
const address = Uint8Array.of(192, 0, 2, 1)

test('the dry run of a request uses every part of the gate that affects decisions, and no part that charges addresses, writes audit records or counts traffic', () => {
  const revocations = { revoked: () => true, stale: () => false }
  const changes: string[] = []
  const change = (name: string) => () => void changes.push(name)
  const gate = makeGate(defaultSettings(), {
    ...offline,
    addressLimit: { exhausted: () => true, charge: change('charge'), refund: change('refund'), retryAfterS: 1 },
    revocations,
    knownAddresses: { add: change('add'), has: () => true },
    audit: { reserve: () => true, add: change('record'), aggregate: () => true },
    traffic: new Traffic(),
    draining: true,
  })
  const { lifecycle, checkLifecycle } = gate

  const dry = dryRunGate(gate, { scheme: 'http', lifecycle, checkLifecycle })
  dry.addressLimit.charge(address)
  dry.addressLimit.refund(address)
  dry.knownAddresses.add(address, 0)

  expect(changes).toEqual([])
  expect(dry.addressLimit.exhausted(address)).toBe(true)
  expect(dry).toMatchObject({
    revocations,
    audit: undefined,
    draining: false,
    limiter: gate.limiter,
    signer: gate.signer,
  })
  expect(dry.traffic).not.toBe(gate.traffic)
})
