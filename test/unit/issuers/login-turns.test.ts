// Calls to an issuer that unauthenticated clients can cause do not delay calls for users who are logged in.

import { afterEach, expect, test } from 'vitest'
import { addressKey } from '../../../gateway/base/address-key.ts'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { LoginClient, newLoginSecrets } from '../../../gateway/issuers/login-client.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { startCodeIssuer } from '../../kit/code-issuer.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { until } from '../../kit/until.ts'
import { rulesOf } from '../oauth/token-text.ts'
import { publicClient } from './public-client.ts'

const PER_ADDRESS = 4
const AT_ONCE = 32
/** Number of permits for calls to the issuer that only known addresses can use. */
const RESERVED = 8
const WAITING_MAX = 2048

const issuer = await startCodeIssuer()
issuer.failure = { status: 400, body: '{"error":"invalid_grant"}' }
const metadata = new IssuerClient()
const keys = new IssuerKeys({ log: () => {} })
const rules = rulesOf({ issuer: issuer.url, login: { ...publicClient, timeoutMs: 60_000 } })
const client = new LoginClient(rules, { client: metadata, keys, secrets: processSecrets(), log: () => {} })
atEnd(() => Promise.all([client.close(), metadata.close(), keys.close()]))

const redirectUri = 'http://gate.test/callback'
const checks = { ...newLoginSecrets(), state: 'a-state', stepUp: { acrValues: undefined, maxAgeS: undefined } }

let release = (): void => {}
/** True after the assertions of a test: forged codes that wait for their turn are then not sent to the issuer. */
let isOver = false
const unlessOver = () => !isOver

/** The issuer sends no replies to code exchanges until `release` is called. */
function hold(): void {
  release = issuer.holdExchanges()
}

afterEach(() => {
  release()
  issuer.pushes = false
  isOver = false
})

/** Sends the reply of an issuer with a forged code to the login client, as the callback does. */
function finish(address: string, { code = 'made-up', known = false, permit = (): boolean => true } = {}) {
  const reply = new URL(`${redirectUri}?${new URLSearchParams({ code, state: 'a-state', iss: issuer.url })}`)
  return client.finish(reply, checks, { address, known, permit })
}

test('while the issuer does not reply to code exchanges, forged codes from many addresses do not delay refreshes, revocations, logouts and the start of logins', async () => {
  hold()
  const pending = Array.from({ length: 4 * AT_ONCE }, (_, i) => finish(`address ${i}`))
  await until('all permits of logins are in use', () => issuer.exchanging === AT_ONCE - RESERVED)

  expect(await client.refresh('a-refresh-token')).toBe('invalid_grant')
  await client.revoke('a-token', 'access_token')
  expect(await client.logoutUrl(undefined, 'http://gate.test/')).toContain('/end?')
  const caller = { address: 'another', known: false, permit: () => expect.unreachable('the issuer is not called') }
  expect(await client.begin(redirectUri, checks, caller)).toContain('/auth?')
  expect(issuer.exchanging).toBe(AT_ONCE - RESERVED)

  release()
  for (const outcome of await Promise.all(pending)) expect(outcome).toMatchObject({ refused: 'login-unproven' })
})

test('forged login codes from more addresses than the queue has places for do not delay a code from a known address', async () => {
  hold()
  const addresses = AT_ONCE + WAITING_MAX
  const pending = Array.from({ length: addresses }, (_, i) =>
    finish(`address ${i}`, { permit: unlessOver }).catch((error: Error) => error),
  )
  await until('strangers have all turns that they may have', () => issuer.exchanging === AT_ONCE - RESERVED)
  await expect(finish('one more address')).rejects.toThrow('too many concurrent requests to the issuer')

  const known = finish('known address', { code: 'of-known', known: true })

  await until('the code is at the issuer', () => issuer.asked.some((form) => form.get('code') === 'of-known'))
  release()
  expect(await known).toMatchObject({ refused: 'login-unproven' })
  isOver = true
  await Promise.all(pending)
})

test('forged login codes from 2,080 /64 networks of one IPv6 /48 do not fill the queue for a code from an unknown address outside the /48', async () => {
  hold()
  const pending = Array.from({ length: AT_ONCE + WAITING_MAX }, (_, i) => {
    const address = addressKey(Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 1, i >> 8, i & 255, 0, 0, 0, 0, 0, 0, 0, 1))
    return finish(address, { permit: unlessOver }).catch((error: Error) => error)
  })
  await until('strangers have all turns that they may have', () => issuer.exchanging === AT_ONCE - RESERVED)

  const other = finish(addressKey(Uint8Array.of(192, 0, 2, 1)), { code: 'of-other' })
  release()

  expect(await other).toMatchObject({ refused: 'login-unproven' })
  isOver = true
  await Promise.all(pending)
})

test('the gate exchanges at most 4 login codes of one address concurrently, and a code from another address does not wait', async () => {
  hold()
  const asked = issuer.asked.length
  const pending = Array.from({ length: 12 }, () => finish('one address'))
  await until('the address has its maximum of exchanges', () => issuer.exchanging === PER_ADDRESS)
  pending.push(finish('another address', { code: 'of-another' }))
  await until('the exchange of the other address has started', () => issuer.exchanging === PER_ADDRESS + 1)
  expect(issuer.asked.slice(asked).filter((form) => form.get('code') === 'of-another')).toHaveLength(1)

  release()
  const outcomes = await Promise.all(pending)
  expect(outcomes).toHaveLength(13)
  for (const outcome of outcomes) expect(outcome).toMatchObject({ refused: 'login-unproven' })
  expect(issuer.asked.length - asked).toBe(13)
})

test('a login code is not sent to the issuer if its exchange is no longer allowed when its turn in the queue comes', async () => {
  const asked = issuer.asked.length
  const caller = { address: 'one address', known: false, permit: async () => false }
  const reply = new URL(`${redirectUri}?code=c&state=a-state`)

  expect(await client.finish(reply, checks, caller)).toBeUndefined()
  expect(issuer.asked).toHaveLength(asked)
})

test('a login code that waits longer than login.timeout is reported as an issuer fault and is not redeemed', async () => {
  const brief = new LoginClient(rulesOf({ issuer: issuer.url, login: { ...publicClient, timeoutMs: 2000 } }), {
    client: metadata,
    keys,
    secrets: processSecrets(),
    log: () => {},
  })
  hold()
  const permitted: number[] = []
  let gaveUp = false
  const reply = new URL(`${redirectUri}?code=c&state=a-state`)
  const outcomes = await Promise.allSettled(
    Array.from({ length: PER_ADDRESS + 1 }, (_, i) => {
      const permit = () => {
        permitted.push(i)
        // The first calls keep their permits until the last call has stopped waiting.
        return i < PER_ADDRESS ? until('the last call has stopped waiting', () => gaveUp).then(() => false) : true
      }
      const finished = brief.finish(reply, checks, { address: 'one address', known: false, permit })
      if (i === PER_ADDRESS) {
        finished.catch(() => {
          gaveUp = true
        })
      }
      return finished
    }),
  )
  await brief.close()

  expect(permitted).toEqual([0, 1, 2, 3])
  expect(outcomes.at(-1)).toMatchObject({ reason: { reason: 'issuer-unreachable' } })
})
