// A shadow requirement is evaluated beside the exchange. A failure of the shadow requirement does not affect the
// exchange.

import { expect, test } from 'vitest'
import { denial } from '../../../gateway/base/denial.ts'
import { GatewayFault } from '../../../gateway/base/fault.ts'
import type { Confirmed } from '../../../gateway/pipeline/exchange/exchange.ts'
import { RequestHead } from '../../../gateway/pipeline/exchange/request-head.ts'
import { evaluateShadow } from '../../../gateway/pipeline/identity/evaluate-shadow.ts'
import { authorize } from '../../../gateway/pipeline/phases/authorize.ts'

const issuer = {}
const facts = { issuer, claims: {} }
const met = () => undefined
const unmet = () => denial('claim-mismatch')
const breaks = (): never => {
  throw new Error('a bug')
}

interface Parts {
  readonly shadow?: () => unknown
  readonly requirement?: () => unknown
  readonly facts?: object | undefined
  readonly verify?: () => unknown
  readonly exhausted?: boolean
  readonly revoked?: boolean
}

/** Returns an exchange with only the members that the evaluation of requirements and shadow requirements reads. */
function exchangeOf({ shadow, requirement, facts, verify = breaks, exhausted = false, revoked = false }: Parts) {
  const charged: unknown[] = []
  const head = new RequestHead('GET', '/', undefined, [], [])
  head.authorization = 'Bearer token'
  const x = {
    head,
    offeredTokens: [],
    facts,
    shadow: undefined as string | undefined,
    address: Uint8Array.of(127, 0, 0, 1),
    readClock: () => undefined,
    route: {
      shadow: shadow && { evaluate: shadow },
      requirement: requirement && { evaluate: requirement },
      service: { issuers: new Set([issuer]), roles: [] },
    },
    runtime: { snapshot: { issuers: new Map() } },
    gate: {
      verifier: { verify, knows: () => false },
      revocations: { revoked: () => revoked, stale: () => false },
      addressLimit: { exhausted: () => exhausted, charge: (address: unknown) => charged.push(address) },
    },
  }
  return { x, charged, identified: x as unknown as Confirmed }
}

const later = () => new Promise((resolve) => setImmediate(resolve))

test.each([
  ['met', met, 'met'],
  ['not met', unmet, 'claim-mismatch'],
  ['broken', breaks, 'node-fault'],
  ['absent', undefined, undefined],
])('the exchange continues when the requirement is met and the shadow requirement is: %s', (_what, shadow, verdict) => {
  const { x, identified } = exchangeOf({ ...(shadow && { shadow }), requirement: met, facts })

  expect(authorize.run(identified)).toBeUndefined()
  expect(x.shadow).toBe(verdict)
})

test.each([
  ['met', met, 'met'],
  ['broken', breaks, 'node-fault'],
])(
  'the gate denies a request with the denial of the unmet requirement when the shadow requirement is %s',
  (_what, shadow, verdict) => {
    const refusal = denial('scope-missing')
    const { x, identified } = exchangeOf({ shadow, requirement: () => refusal, facts })

    expect(authorize.run(identified)).toBe(refusal)
    expect(x.shadow).toBe(verdict)
  },
)

test.each([
  ['a known token', () => facts, 'met'],
  ['a token of another issuer', () => ({ ...facts, issuer: {} }), 'token-issuer-not-accepted'],
  ['a token that is rejected synchronously', () => 'token-expired', 'token-expired'],
  ['a verifier that throws', breaks, 'node-fault'],
])(
  'on a public route, the result of the shadow requirement is known when the authorize phase ends: %s',
  (_what, verify, verdict) => {
    const { x, charged, identified } = exchangeOf({ shadow: met, verify })

    expect(authorize.run(identified)).toBeUndefined()
    expect(x.shadow).toBe(verdict)
    expect(charged).toEqual([])
  },
)

test('on a public route, the result of the shadow requirement for a revoked token is token-revoked', () => {
  const { x, identified } = exchangeOf({ shadow: met, verify: () => facts, revoked: true })

  expect(authorize.run(identified)).toBeUndefined()
  expect(x.shadow).toBe('token-revoked')
})

test.each([
  ['a token that proves valid', async () => facts, met, 'met', 0],
  ['a token that proves forged', async () => 'token-signature', met, 'token-signature', 1],
  ['a shadow requirement that throws', async () => facts, breaks, 'node-fault', 0],
  [
    'an issuer that is unreachable',
    async () => {
      throw new GatewayFault('issuer-unreachable', 'issuer', 'down')
    },
    met,
    'issuer-unreachable',
    0,
  ],
])(
  'on a public route, the authorize phase does not wait for the result of the shadow requirement: %s',
  async (_what, verify, shadow, verdict, charges) => {
    const { x, charged, identified } = exchangeOf({ shadow, verify })

    expect(authorize.run(identified)).toBeUndefined()
    expect(x.shadow).toBeUndefined()
    await later()
    expect(x.shadow).toBe(verdict)
    expect(charged).toHaveLength(charges)
  },
)

test('a shadow requirement starts no token verification if the client address has exceeded the limit of failures', () => {
  const { x, identified } = exchangeOf({ shadow: met, exhausted: true })
  evaluateShadow(identified)

  expect(x.shadow).toBe('address-limited')
})

test('a shadow requirement changes no field of the exchange that affects the decision', () => {
  const { x, identified } = exchangeOf({ shadow: met, verify: () => facts })
  const { shadow: _, ...before } = { ...x }
  evaluateShadow(identified)
  const { shadow, ...after } = x

  expect(shadow).toBe('met')
  expect(after).toEqual(before)
})
