import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { attemptHash } from '../../../gateway/login/attempt.ts'
import { HandOverRequests } from '../../../gateway/login/hand-over-request.ts'
import { LoginStates } from '../../../gateway/login/login-states.ts'

// Requests with which a host sends a browser to login.host, and login states that name such a host.

let nowMs = 1_800_000_000_000
const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }], 'login-state')
const requests = new HandOverRequests(sealer, () => nowMs)
const states = new LoginStates(sealer, () => nowMs)

const request = {
  issuerName: 'main',
  issuer: attemptHash('https://idp.test'),
  origin: 'https://shop.gate.test',
  returnTo: '/page?x=1&y=%C3%A4',
  browser: attemptHash('cookie'),
  session: undefined,
  stepUp: { acrValues: ['urn:strong', 'urn:other'], maxAgeS: 60 },
  prompt: undefined,
  oauth2: false,
}

const attempt = (more: object = {}) => ({
  issuerName: 'main',
  issuer: attemptHash('https://idp.test'),
  begunAfterMs: nowMs,
  returnTo: '/page',
  nonce: randomBytes(32).toString('base64url'),
  codeVerifier: randomBytes(32).toString('base64url'),
  stepUp: { acrValues: undefined, maxAgeS: undefined },
  redirectUri: attemptHash('uri'),
  browser: attemptHash('browser'),
  session: undefined,
  ...more,
})

test('a login request that one host hands to the login host can be read unchanged for 10 minutes', () => {
  const text = requests.seal(request)

  expect(requests.open(text)?.request).toEqual({ ...request, begunAtMs: nowMs })
  nowMs += 10 * 60_000 - 1
  expect(requests.open(text)).toBeDefined()
  nowMs += 1
  expect(requests.open(text)).toBeUndefined()
  expect(requests.openExpired(text)?.returnTo).toBe(request.returnTo)
})

test('a handed-over login request with a changed, added or missing character is refused', () => {
  const text = requests.seal(request)

  for (let i = 0; i < text.length; i++) {
    const other = text[i] === 'A' ? 'B' : 'A'
    expect(requests.open(text.slice(0, i) + other + text.slice(i + 1)), `character ${i}`).toBeUndefined()
  }
  for (const wrong of [`${text}A`, text.slice(0, -1), `${text}=`, '', 'x'.repeat(5000)]) {
    expect(requests.open(wrong)).toBeUndefined()
  }
})

test('a handed-over login request is not accepted as a login `state`, and a login `state` is not accepted as a handed-over login request', () => {
  expect(states.openExpired(requests.seal(request))).toBeUndefined()
  expect(requests.openExpired(states.seal(attempt()))).toBeUndefined()
})

test('the longest handed-over login request that a policy permits fits into the URL', () => {
  const longest = {
    ...request,
    issuerName: 'i'.repeat(64),
    origin: `https://${'h'.repeat(63)}.${'d'.repeat(189)}:65535`,
    returnTo: `/${'p'.repeat(511)}`,
    session: 'a'.repeat(32),
    stepUp: { acrValues: ['a'.repeat(256), 'b'.repeat(191)], maxAgeS: 999_999_999 },
    prompt: 'login' as const,
  }

  expect(requests.open(requests.seal(longest))?.request).toEqual({ ...longest, begunAtMs: nowMs })
})

test('a login `state` that names the host for which the login host logs in has at most 1,200 characters with a return path of 512 characters', () => {
  const handOver = { origin: 'https://shop.gate.test', browser: attemptHash('b'), request: attemptHash('r') }
  const given = attempt({ handOver, returnTo: `/${'p'.repeat(511)}` })
  const state = states.seal(given)

  expect(state.length).toBeLessThanOrEqual(1200)
  expect(states.open(state)).toEqual({ ...given, begunAtMs: nowMs })
  expect(states.open(states.seal(attempt()))).not.toHaveProperty('handOver')
})

test('in a login `state` with names of maximum length, the return path becomes /, and the `state` is still valid', () => {
  const handOver = {
    origin: `https://${'h'.repeat(63)}.${'d'.repeat(189)}`,
    browser: attemptHash('b'),
    request: attemptHash('r'),
  }
  const stepUp = { acrValues: ['a'.repeat(256), 'b'.repeat(191)], maxAgeS: 999_999_999 }
  const given = attempt({ handOver, stepUp, issuerName: 'i'.repeat(64), returnTo: '/page' })

  expect(states.open(states.seal(given))).toEqual({ ...given, returnTo: '/', begunAtMs: nowMs })
})
