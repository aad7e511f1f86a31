import { setTimeout as sleep } from 'node:timers/promises'
import { clientSecret } from './accounts.ts'
import { valuesOf } from './arrival.ts'
import { expectEqual, expectTrue } from './expect.ts'
import type { ExpectedRefusal } from './expected-refusal.ts'
import { requestTokens } from './grants.ts'
import { readJwt } from './jwt.ts'
import { LogTail } from './log-tail.ts'
import { loopback } from './ports.ts'
import type { TourStep } from './tour-step.ts'
import type { Tourist } from './tourist.ts'

/** As the policy says. */
const cacheMs = 3000
const refreshedWithinMs = 15_000
const missingScope: ExpectedRefusal = {
  status: 403,
  code: 'insufficient_scope',
  challenge: { error: 'insufficient_scope', scope: 'reports:read' },
}
const invalidToken: ExpectedRefusal = { status: 401, code: 'invalid_token', challenge: { error: 'invalid_token' } }

/** Tokens that say nothing of themselves: the gate asks the issuer, and a worker asks again before it has to. */
export const introspections: readonly TourStep[] = [
  {
    title: 'an opaque token: what the issuer says of it decides, the service knows who asks',
    run: async (tourist) => {
      const token = await opaqueToken(tourist)
      await isAdmitted(tourist, token)
      await tourist.isRefused({ method: 'GET', target: '/reports/1', token }, missingScope)
      await tourist.isRefused({ method: 'GET', target: '/orders/1', token: `${token.slice(0, -2)}zz` }, invalidToken)
    },
  },
  {
    title: 'an opaque token in use: the worker asks again ahead of time, no request does',
    run: async (tourist, state) => {
      const tail = new LogTail(state.workerLog)
      tail.read()
      const token = await opaqueToken(tourist)
      const deadlineMs = performance.now() + refreshedWithinMs
      let refreshed = false
      while (!refreshed && performance.now() < deadlineMs) {
        await isAdmitted(tourist, token)
        await sleep(100)
        refreshed = tail.read().some(({ msg, result }) => msg === 'job done' && result === 'active')
      }
      expectTrue('a refresh by the worker', refreshed)
    },
  },
  {
    title: 'an opaque token that is revoked at the issuer: refused within the cache time',
    run: async (tourist) => {
      const token = await opaqueToken(tourist)
      await isAdmitted(tourist, token)
      await revokeAtIssuer(tourist, token)
      await sleep(cacheMs + 200)
      for (let visits = 0; visits < 6; visits++) {
        await tourist.isRefused({ method: 'GET', target: '/orders/1', token }, invalidToken)
      }
    },
  },
]

async function opaqueToken({ ports }: Tourist): Promise<string> {
  const { accessToken } = await requestTokens(ports, { client: 'reader', scope: 'orders:read', opaque: true })
  expectTrue('a token that is no JWT', !accessToken.includes('.'))
  return accessToken
}

async function isAdmitted(tourist: Tourist, token: string): Promise<void> {
  const answer = await tourist.visit({ method: 'GET', target: '/orders/1', token })
  expectEqual('status with an opaque token', answer.status, 200)
  const [arrived, ...again] = await tourist.seen(answer.marker)
  expectTrue('that the request reached a service', arrived !== undefined)
  expectEqual('further arrivals', again.length, 0)
  expectEqual('Authorization that arrived', valuesOf(arrived.headers, 'authorization'), [])
  const { claims } = readJwt(valuesOf(arrived.headers, 'x-gatehouse-jwt-assertion')[0] ?? '')
  expectEqual('who the service is told asks', [claims.sub, claims.scope], ['reader', 'orders:read'])
  tourist.noteExchange(answer)
}

/** RFC 7009, as the client that the token was issued to. */
async function revokeAtIssuer({ ports }: Tourist, token: string): Promise<void> {
  const reply = await fetch(`${loopback(ports.issuer)}/token/revocation`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`reader:${clientSecret('reader')}`)}` },
    body: new URLSearchParams({ token }),
    signal: AbortSignal.timeout(5000),
  })
  expectEqual('status of the revocation at the issuer', reply.status, 200)
}
