// A logout also revokes a session whose Redis record is lost, because other nodes can have the session in memory.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { readMetrics } from '../kit/metrics.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { until } from '../kit/until.ts'

// Two nodes share the port. The node that has created a session has the session in memory.
const gate = await startCodeGate({ nodes: 2 })
const { url, issuer, nodes, enter } = gate
const link = await testLink(redisSettingsFor(gate.redisPort))
const logoutUrl = `${url}/.gatehouse/logout`
const ownPage = { connection: 'close', 'sec-fetch-site': 'same-origin' }

/**
 * Creates a session that exists only in the memory of one node. @returns its browser, and a second browser (`thief`)
 * with a copy of its cookie
 */
async function lostSession(sub: string): Promise<{ browser: HttpBrowser; thief: HttpBrowser }> {
  issuer.idToken = { claims: { sub, sid: randomBytes(8).toString('hex') } }
  const browser = new HttpBrowser()
  await enter(browser, { redirects: 0 })
  const thief = new HttpBrowser()
  thief.session = browser.session!
  for (const key of (await link.store.call('KEYS', `${link.keys.session('').slice(0, -1)}*`)) as string[]) {
    await link.store.call('DEL', key)
  }
  return { browser, thief }
}

/** Statuses of 16 requests of the browser, each over a new connection, so that both nodes get some of them. */
async function statuses(browser: HttpBrowser): Promise<Set<number>> {
  const visit = () => browser.visit(`${url}/app/`, { redirects: 0, headers: { connection: 'close' } })
  const pages = await Promise.all(Array.from({ length: 16 }, visit))
  return new Set(pages.map(({ status }) => status))
}

async function revocations(): Promise<number[]> {
  const counts = nodes.map(async ({ adminPort }) => (await readMetrics(adminPort)).sum('gatehouse_revocations'))
  return Promise.all(counts)
}

const logOut = (browser: HttpBrowser, headers: Readonly<Record<string, string>> = ownPage) =>
  browser.visit(logoutUrl, { redirects: 0, headers })

// The kernel chooses the node for each connection. With eight sessions, both nodes create some of them.
test.each(Array.from({ length: 8 }, (_, i) => i))(
  'after a logout of a session whose Redis record is lost, every node rejects a copy of its cookie (session %i)',
  async (i) => {
    const { browser, thief } = await lostSession(`person-${i}`)
    await until('the node with the session in memory admits the copied cookie', async () =>
      (await statuses(thief)).has(200),
    )

    await logOut(browser)

    expect(browser.session).toBeUndefined()
    await until('both nodes reject the copied cookie', async () => !(await statuses(thief)).has(200))
  },
)

test('a cross-site logout of a session whose Redis record is lost gets a confirmation page and does not end the session', async () => {
  const { browser, thief } = await lostSession('asked')

  const { status, body } = await logOut(browser, { connection: 'close', 'sec-fetch-site': 'cross-site' })

  expect([status, body]).toEqual([200, expect.stringContaining('<form method="post">')])
  await until('the node with the session in memory admits the copied cookie', async () =>
    (await statuses(thief)).has(200),
  )
})

test('a logout with two session cookies ends both sessions at every node', async () => {
  const one = await lostSession('first-cookie')
  const two = await lostSession('second-cookie')
  const cookies = [one, two].map(({ thief }) => `gatehouse-loopback=${thief.session}`).join('; ')

  await logOut(new HttpBrowser(), { ...ownPage, cookie: cookies })

  for (const { thief } of [one, two]) {
    await until('both nodes reject the session', async () => !(await statuses(thief)).has(200))
  }
})

test('a logout with a forged cookie adds no revocation, and a real session cookie adds one, however often it is sent', async () => {
  const { browser, thief } = await lostSession('counted')
  const cookie = `gatehouse-loopback=${thief.session}`
  const before = Math.max(...(await revocations()))
  for (let i = 0; i < 20; i++) {
    const forged = `${randomBytes(32).toString('base64url')}.${randomBytes(16).toString('hex')}`
    await logOut(new HttpBrowser(), { ...ownPage, cookie: `gatehouse-loopback=${forged}` })
  }
  expect(await revocations()).toEqual([before, before])

  await logOut(browser)
  await until('both nodes have one more revocation', async () =>
    (await revocations()).every((count) => count === before + 1),
  )
  const buckets = (await link.store.call('ZRANGE', link.keys.revocationBuckets, 0, -1)) as string[]
  const bytes = async () => Promise.all(buckets.map((bucket) => link.store.call('STRLEN', bucket)))
  const written = await bytes()
  for (let i = 0; i < 20; i++) await logOut(new HttpBrowser(), { ...ownPage, cookie })

  expect(await bytes()).toEqual(written)
  expect(await revocations()).toEqual([before + 1, before + 1])
})
