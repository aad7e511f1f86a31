import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import type { NewSession, SessionTokens } from '../../../gateway/sessions/session.ts'
import { Sessions } from '../../../gateway/sessions/sessions.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// Refresh tokens in the list of what expires: the earliest of each issuer that states it.

const nowS = Math.floor(Date.now() / 1000)
/** Members of the next token reply in a refresh. */
let granted: Partial<SessionTokens> = {}

const { port } = await testRedis()
const sessions = new Sessions({
  link: await testLink(redisSettingsFor(port)),
  sealer: new Sealer([{ id: 'k', secret: randomBytes(32) }]),
  cacheEntries: 100,
  ended: () => false,
  revoked: () => false,
  absoluteMs: () => 600_000,
  lastEventMs: () => Date.now(),
  revoke: () => Promise.reject(new Error('nothing is revoked here')),
  refreshQueue: { add: () => {} },
  trade: async () => tokensOf(granted),
  askClaims: async () => ({ none: 'no UserInfo endpoint' }),
  log: () => {},
} as ConstructorParameters<typeof Sessions>[0])
atEnd(() => sessions.close())

const tokensOf = (more: Partial<SessionTokens>): SessionTokens => ({
  accessToken: 'a',
  refreshToken: 'r',
  idToken: undefined,
  accessExpiresAtS: nowS + 300,
  scope: undefined,
  ...more,
})

async function login(issuer: string, tokens: Partial<SessionTokens>) {
  const login: NewSession = {
    issuer,
    subject: randomBytes(4).toString('hex'),
    providerSid: undefined,
    acr: undefined,
    authTimeS: undefined,
    claims: {},
    device: { address: '192.0.2.7', userAgent: 'a browser' },
    lifetime: { idleMs: 60_000, absoluteMs: 600_000 },
    begunAfterMs: Date.now(),
    tokens: tokensOf(tokens),
  }
  const opened = await sessions.create(login)
  if (opened === 'logged-out') throw new Error('the new session was refused')
  return opened
}

const listed = () => [...sessions.expiries()]
const entry = (name: string, inS: number) => ({ kind: 'refresh-token', name, expiresAtMs: (nowS + inS) * 1000 })

test('for each issuer, the list of expiries has the earliest stated expiry of a refresh token, also after refreshes', async () => {
  await login('https://silent.test', {})
  expect(listed()).toEqual([])

  await login('https://one.test', { refreshExpiresAtS: nowS + 900 })
  const { session } = await login('https://one.test', { refreshExpiresAtS: nowS + 500, accessExpiresAtS: nowS })
  await login('https://two.test', { refreshExpiresAtS: nowS + 700 })
  expect(listed()).toEqual([entry('https://one.test', 500), entry('https://two.test', 700)])

  // Without a new refresh token, the previous one and its expiry stay.
  granted = { refreshToken: undefined, accessExpiresAtS: nowS }
  const second = await sessions.fresh(session)
  expect(listed()).toEqual([entry('https://one.test', 500), entry('https://two.test', 700)])

  granted = { refreshToken: 'next', refreshExpiresAtS: nowS + 800 }
  await sessions.fresh(second!)
  expect(listed()).toEqual([entry('https://one.test', 800), entry('https://two.test', 700)])
})
