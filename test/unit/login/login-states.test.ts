// The gate keeps a login attempt only in the encrypted `state` parameter of the login. Nobody outside the cluster can
// read, change, prolong or duplicate an attempt.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { newLoginSecrets } from '../../../gateway/issuers/login-client.ts'
import { attemptHash } from '../../../gateway/login/attempt.ts'
import { LoginStates } from '../../../gateway/login/login-states.ts'

const one = { id: 'one', secret: randomBytes(32) }
const two = { id: 'two', secret: randomBytes(32) }
const beginMs = 1_800_000_000_000
let nowMs = beginMs

const statesOf = (...[first, ...others]: [typeof one, ...(typeof one)[]]) =>
  new LoginStates(new Sealer([first, ...others], 'login-state'), () => nowMs)
const states = statesOf(one)

const attempt = {
  begunAfterMs: beginMs - 1234,
  issuerName: 'main',
  issuer: attemptHash('https://idp.test'),
  ...newLoginSecrets(),
  stepUp: { acrValues: ['urn:strong', 'urn:plain'], maxAgeS: 0 },
  returnTo: '/app/x?a="b"&c=\\d',
  redirectUri: attemptHash('https://gate.test/.gatehouse/callback'),
  browser: attemptHash('a cookie'),
  session: randomBytes(16).toString('hex'),
}
const plain = { ...attempt, stepUp: { acrValues: undefined, maxAgeS: undefined }, session: undefined }

test.each([
  ['with a step-up and a session', attempt],
  ['without step-up and session', plain],
])('the gate restores a login attempt %s unchanged from its `state` parameter', (_, begun) => {
  expect(states.open(states.seal(begun))).toEqual({ ...begun, begunAtMs: beginMs })
})

test('a login `state` does not contain the plain text of its attempt, and two states of one attempt differ', () => {
  const state = states.seal(attempt)
  const bytes = Buffer.from(state, 'base64url').toString('latin1')

  for (const secret of ['app', 'main', 'urn', Buffer.from(attempt.codeVerifier, 'base64url').toString('latin1')])
    expect(bytes).not.toContain(secret)
  expect(states.seal(attempt)).not.toBe(state)
})

test('a login `state` with 448 characters of acr_values and the longest names has at most 1,024 characters, and contains / instead of a return path that does not fit', () => {
  const longest = statesOf({ id: 'k'.repeat(64), secret: randomBytes(32) })
  const stepUp = { acrValues: ['a'.repeat(223), 'b'.repeat(224)], maxAgeS: 999_999_999 }
  const begun = { ...attempt, issuerName: 'i'.repeat(64), stepUp, returnTo: `/${'p'.repeat(511)}` }

  const state = longest.seal(begun)

  expect(state.length).toBeLessThanOrEqual(1024)
  expect(longest.open(state)).toEqual({ ...begun, returnTo: '/', begunAtMs: beginMs })
})

test('a login `state` is valid for 15 minutes', () => {
  const state = states.seal(attempt)
  try {
    nowMs = beginMs + 15 * 60_000 - 1
    expect(states.open(state)).toBeDefined()
    nowMs++
    expect(states.open(state)).toBeUndefined()
  } finally {
    nowMs = beginMs
  }
})

test('the gate rejects a login `state` in which any byte is changed or that is truncated', () => {
  const bytes = Buffer.from(states.seal(attempt), 'base64url')
  for (let i = 0; i < bytes.length; i++) {
    const changed = Buffer.from(bytes)
    changed[i]! ^= 1
    expect(states.open(changed.toString('base64url'))).toBeUndefined()
    expect(states.open(bytes.subarray(0, i).toString('base64url'))).toBeUndefined()
  }
})

test('the gate rejects other texts that decode to the same login `state`, so that a login cannot be completed twice', () => {
  const texts = ['', 'a', 'ab', 'abc'].flatMap((path) => {
    const state = states.seal({ ...attempt, returnTo: `/${path}` })
    const last = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].map(
      (end) => state.slice(0, -1) + end,
    )
    const bytes = Buffer.from(state, 'base64url')
    return [...last, `${state}=`, `${state}==`, ` ${state}`, `${state}\n`, bytes.toString('base64')].filter(
      (text) => text !== state && Buffer.from(text, 'base64url').equals(bytes),
    )
  })

  expect(texts.length).toBeGreaterThan(10)
  for (const text of texts) expect(states.open(text)).toBeUndefined()
})

test('the gate decrypts a login `state` that was sealed with any configured key, and rejects the `state` after its key is removed', () => {
  const before = statesOf(one).seal(attempt)
  const after = statesOf(two, one).seal(attempt)

  expect(statesOf(two, one).open(before)).toBeDefined()
  // The new settings move the new key to the front. A node that has not loaded them yet lists the new key second.
  expect(statesOf(one, two).open(after)).toBeDefined()
  expect(statesOf(two).open(before)).toBeUndefined()
})

test('the gate does not accept data as a login `state` if the data was sealed with the same key for another purpose', () => {
  const state = states.seal(attempt)
  const bytes = Buffer.from(state, 'base64url')
  const place = `login ${bytes.toString('hex', 0, 8)}`
  const content = new Sealer([one], 'login-state').openBytes(bytes.subarray(8), place)!

  const stored = Buffer.concat([bytes.subarray(0, 8), new Sealer([one]).seal(content, place)])

  expect(states.open(stored.toString('base64url'))).toBeUndefined()
})

const longest = `/${'p'.repeat(511)}`

test('a login `state` with a return path of 512 characters has at most 1,024 characters and contains the whole return path', () => {
  const state = states.seal({ ...plain, returnTo: longest })

  expect(state.length).toBeLessThanOrEqual(1024)
  expect(states.open(state)).toMatchObject({ returnTo: longest })
})

test('in a login `state` with names and step-up values of maximum length, a return path of 512 characters becomes /, and a return path of 150 characters fits', () => {
  const wide = statesOf({ ...one, id: 'k'.repeat(64) })
  const begun = {
    ...attempt,
    issuerName: 'i'.repeat(64),
    stepUp: { acrValues: ['a'.repeat(256)], maxAgeS: 999_999_999 },
  }

  const state = wide.seal({ ...begun, returnTo: longest })
  const short = wide.seal({ ...begun, returnTo: longest.slice(0, 150) })

  expect([state.length <= 1024, short.length <= 1024]).toEqual([true, true])
  expect(wide.open(state)).toMatchObject({ ...begun, returnTo: '/' })
  expect(wide.open(short)).toMatchObject({ returnTo: longest.slice(0, 150) })
})
