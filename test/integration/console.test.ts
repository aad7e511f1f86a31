// A real Chromium logs in to the console of a real node and opens its views. CONSOLE_PICTURES=FOLDER keeps a picture of
// each view.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { AuditWriter } from '../kit/audit-writer.ts'
import { startChromium } from '../kit/chromium.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'

const secret = () => randomBytes(32).toString('base64url')
const token = secret()
const pictures = process.env['CONSOLE_PICTURES']
const [browser, issuer, { port }] = await Promise.all([startChromium(), startIssuer(), testRedis()])
const writer = new AuditWriter(port)
/** Text of a client that would be HTML, would turn the direction of the text after it, and would begin a line. */
const hostile = `<img src=x onerror="document.title='executed'">\u202Egnp.exe\r\n`
const hostileShown = `<img src=x onerror="document.title='executed'">⟦U+202E⟧gnp.exe␍␊`
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-console-'))
afterAll(() => rmSync(folder, { recursive: true }))
const policy = testPolicy({ issuer: issuer.url, orders: 'http://127.0.0.1:9' })
let node: TestNode
let page: Page

/** Each view: its path, its heading, and a text that it shows once it is loaded. */
const views = [
  ['/', 'Overview', 'up to date'],
  ['/live', 'Live', 'route-unknown'],
  ['/exchanges/refused-1', 'Exchange', 'No route matches this path'],
  ['/explain?url=/nothing', 'Explain', 'Describe a request'],
  ['/revoke?kind=issuer', 'Revoke', 'Say what to revoke'],
  ['/people', 'People', 'has no login session'],
  ['/policy', 'Policy', 'Both revisions have the same effect'],
  ['/nodes', 'Nodes and workers', 'The settings have no audit sink'],
  ['/expiry', 'Expiry and secrets', 'admin.bootstrap_token'],
] as const

const urlOf = (path: string) => `http://127.0.0.1:${node.adminPort}${path}`

beforeAll(async () => {
  await writer.write(3, (number) => ({
    time: new Date().toISOString(),
    'gatehouse.request.id': `hostile-${number}`,
    'http.request.method': 'GET',
    'url.path': `/${hostile}`,
    'user.id': hostile,
    'gatehouse.decision': 'refused',
    'gatehouse.reason': 'scope-missing',
  }))
  const seed = join(folder, 'seed.yaml')
  writeFileSync(seed, stringify(policy))
  node = await startNode({
    policy: '',
    settings: {
      policy: { source: 'cluster', seed, copy: 'policy-copy.json' },
      redis: { url: `redis://127.0.0.1:${port}` },
      keys: {
        assertion: [{ id: 'test-1', secret: { file: 'assertion.jwk' } }],
        encryption: [{ id: 'seal-1', secret: { env: 'ENCRYPTION' } }],
        policy: [{ id: 'policy-1', secret: { env: 'POLICY_KEY' } }],
      },
      admin: {
        listen: '127.0.0.1:0',
        bootstrap_token: { env: 'BOOTSTRAP' },
        issuer: { issuer: issuer.url, audience: [testAudience] },
      },
    },
    env: { BOOTSTRAP: token, ENCRYPTION: secret(), POLICY_KEY: secret() },
  })
  await refuse('refused-1')
  // Without transitions: axe-core would measure the contrast of colours in between.
  page = await (await browser.newContext({ reducedMotion: 'reduce' })).newPage()
  await logIn(page, token)
})

/** Sends a request that no route matches, and waits for its record in the audit log. */
async function refuse(id: string): Promise<void> {
  const { status } = await fetch(`http://127.0.0.1:${node.port}/nothing`, { headers: { 'x-request-id': id } })
  expect(status).toBe(404)
  await until(`the record of ${id}`, async () => {
    const reply = await fetch(urlOf(`/api/v1/audit/records?request=${id}`), {
      headers: { authorization: `Bearer ${token}` },
    })
    return ((await reply.json()) as { records: object[] }).records.length > 0
  })
}

async function logIn(tab: Page, given: string): Promise<void> {
  await tab.goto(urlOf('/'))
  await tab.fill('#token', given)
  await tab.click('text=Log in with the token')
}

/** Opens a view without loading the page again, so that axe-core stays loaded. */
async function open(path: string, { colorScheme = 'light' as 'light' | 'dark', width = 1280 } = {}): Promise<void> {
  await page.emulateMedia({ colorScheme })
  await page.setViewportSize({ width, height: 800 })
  // A text: the types of the tests do not include those of a browser.
  await page.evaluate(
    `history.pushState(null, '', ${JSON.stringify(path)}); dispatchEvent(new PopStateEvent('popstate'))`,
  )
}

interface AxeResult {
  readonly violations: readonly { id: string; impact: string; nodes: readonly { html: string }[] }[]
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Checks the page with axe-core. @returns the serious and critical faults, with the first element of each */
async function accessibilityFaults(): Promise<string[]> {
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(axe)
  const { violations } = (await page.evaluate('axe.run()')) as AxeResult
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}

async function keepPicture(name: string): Promise<void> {
  if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}.png`) })
}

const looks = [
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 360 },
] as const

test('the log-in page of the console shows the problem of a wrong token, and opens the overview with a valid token', async () => {
  const context = await browser.newContext()
  const other = await context.newPage()
  await logIn(other, 'wrong')
  await other.waitForSelector('[role=alert] >> text=does not accept')
  await other.fill('#token', token)
  await other.click('text=Log in with the token')
  await other.waitForSelector('h1 >> text=Overview')
  expect(await other.content()).not.toContain(token)
  await context.close()
})

test.each(views)(
  'the console view %s has no serious accessibility fault and fits the screen, in the light theme (wide) and the dark theme (narrow)',
  async (path, title, loaded) => {
    for (const look of looks) {
      await open(path, look)
      await page.waitForSelector(`h1 >> text="${title}"`)
      await page.waitForSelector(`main >> text=${loaded}`)
      expect(await accessibilityFaults()).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(look.width)
      await keepPicture(`${title.toLowerCase()}-${look.colorScheme}-${look.width}`)
    }
  },
)

test('an operator of the console finds the reason of a refusal by two clicks from the overview, or by searching for its request id', async () => {
  await open('/')
  await page.click('nav >> text=Live')
  await page.click('tr:has-text("route-unknown") a')
  await page.waitForSelector('main >> text=No route matches this path')

  await open('/')
  await page.waitForSelector('h1 >> text=Overview')
  await page.keyboard.press('/')
  await page.keyboard.type('refused-1')
  await page.keyboard.press('Enter')
  await page.waitForSelector('main >> text=No route matches this path')
  expect(page.url()).toBe(urlOf('/exchanges/refused-1'))
})

test('the keys g and l open the live view of the console, and the key ? shows the list of keys until Escape', async () => {
  await open('/')
  await page.waitForSelector('h1 >> text=Overview')
  await page.keyboard.press('g')
  await page.keyboard.press('l')
  await page.waitForSelector('h1 >> text=Live')
  await page.keyboard.press('?')
  await page.waitForSelector('dialog >> text=Keys')
  await page.keyboard.press('Escape')
  await page.waitForSelector('dialog', { state: 'detached' })
})

test('the console shows text that a client sent as plain text, with its hidden characters made visible', async () => {
  await open(`/live?subject=${encodeURIComponent(hostile)}`)
  const cell = page.locator('tbody tr:has-text("scope-missing")').first()
  expect(await cell.locator('td').nth(5).textContent()).toBe(hostileShown)
  await open('/exchanges/hostile-1')
  await page.waitForSelector('main >> text=scope-missing')
  expect(await page.textContent('main')).toContain(hostileShown)
  expect(await page.locator('main img').count()).toBe(0)
  expect(await page.title()).toBe('Exchange · Gatehouse')
})

test('an operator revokes a subject in the console after a confirmation, and the receipt shows that every node rejects its tokens', async () => {
  const bearer = { authorization: `Bearer ${issuer.sign({ claims: { sub: 'mallory', aud: testAudience } })}` }
  const statusOfCall = async () => (await fetch(`http://127.0.0.1:${node.port}/orders`, { headers: bearer })).status
  const before = await statusOfCall()
  await open('/revoke?id=mallory')
  await page.click('main >> text=Revoke …')
  await page.waitForSelector('dialog >> text=can log in again')
  await page.waitForSelector('dialog >> text=Login sessions of the gate that it ends now: 0')
  expect(await accessibilityFaults()).toEqual([])
  await page.keyboard.press('Escape')
  await page.waitForSelector('dialog', { state: 'detached' })
  expect(await statusOfCall()).toBe(before)

  await page.click('main >> text=Revoke …')
  await page.fill('dialog input[name=reason]', 'left')
  await page.click('dialog >> text="Revoke"')
  await page.waitForSelector('main >> text=All nodes reject the revoked tokens.')
  expect(await accessibilityFaults()).toEqual([])
  await keepPicture('receipt')
  expect(await statusOfCall()).toBe(401)
})

test('an operator compares two revisions of the policy, and rolls back after a confirmation that shows the effect', async () => {
  const message = hostile.replaceAll(/[\r\n]/g, ' ')
  const wider = testPolicy({ issuer: issuer.url, orders: 'http://127.0.0.1:9', main: { clock_tolerance: '50s' } })
  const reply = await fetch(urlOf('/api/v1/policy/apply'), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ files: [{ name: 'seed.yaml', text: stringify(wider) }], message }),
  })
  expect([reply.status, await reply.text()]).toMatchObject([200, expect.stringContaining('"number":2')])

  await open('/policy?from=1&to=2')
  await page.waitForSelector('main >> text=may admit requests')
  await page.waitForSelector('main >> text=⟦U+202E⟧gnp.exe')
  expect(await page.locator('main img').count()).toBe(0)
  expect(await accessibilityFaults()).toEqual([])
  await keepPicture('difference')
  await page.click('tr:has(th:text-is("1")) >> text=Roll back …')
  await page.waitForSelector('dialog >> text=clock_tolerance')
  expect(await accessibilityFaults()).toEqual([])
  await keepPicture('rollback')
  await page.fill('dialog input[name=reason]', 'too wide')
  await page.click('dialog >> text="Roll back"')
  await page.waitForSelector('main >> text=Revision 3 is active. 1 of 1 nodes enforce it.')
})

test("a view of the console names the scope that the operator's token lacks", async () => {
  const context = await browser.newContext()
  const reader = await context.newPage()
  await logIn(reader, issuer.sign({ claims: { scope: 'gatehouse:read', aud: testAudience } }))
  await reader.waitForSelector('main >> text=up to date')
  await reader.click('nav >> text=Live')
  await reader.waitForSelector('main >> text=This view needs the scope gatehouse:audit')
  await context.close()
})
