// A real Chromium ends streams, resets rate limit windows and drains upstreams in the console of a real node.

import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startChromium } from '../kit/chromium.ts'
import { type ConsoleLook, ConsolePage } from '../kit/console-page.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

const token = randomBytes(32).toString('base64url')
/** Subject that would be HTML, and would turn the direction of the text after it. */
const hostile = `<img src=x onerror="document.title='executed'">\u202Egnp.exe`
const hostileShown = `<img src=x onerror="document.title='executed'">⟦U+202E⟧gnp.exe`
const [browser, issuer, redis, feeds, spare] = await Promise.all([
  startChromium(),
  startIssuer(),
  testRedis(),
  startUpstream({
    handler: ({ url }, response) => {
      if (url.startsWith('/limited')) return void response.end('done')
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: begun\n\n')
    },
  }),
  startUpstream(),
])
let node: TestNode
let view: ConsolePage

beforeAll(async () => {
  const require = { scopes: { all: ['read'] } }
  const routes = [
    { id: 'feed', match: { path: '/feed/**' }, require },
    {
      id: 'limited',
      match: { path: '/limited/**' },
      require,
      limits: [{ name: 'few', by: 'subject', requests: 20, window: '1h' }],
    },
  ]
  const service = { issuers: ['main'], credentials: 'none' }
  node = await startNode({
    policy: {
      version: 1,
      issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
      services: {
        feeds: { ...service, upstreams: [feeds.url], routes },
        spares: {
          ...service,
          upstreams: [feeds.url, spare.url],
          routes: [{ id: 'spare', match: { path: '/spare/**' }, require }],
        },
      },
    },
    settings: {
      redis: { url: redis.url },
      admin: {
        listen: '127.0.0.1:0',
        bootstrap_token: { env: 'BOOTSTRAP' },
        issuer: { issuer: issuer.url, audience: [testAudience] },
      },
    },
    env: { BOOTSTRAP: token },
  })
  view = await ConsolePage.logIn(browser, originOf(), token)
  await openFeed(hostile)
  await openFeed('alice')
  for (let n = 0; n < 20; n++) expect(await statusOfLimited('alice')).toBe(200)
  expect(await statusOfLimited(hostile)).toBe(200)
})

const originOf = () => `http://127.0.0.1:${node.adminPort}`

const bearer = (sub: string) => ({ authorization: `Bearer ${issuer.sign({ claims: { sub, scope: 'read' } })}` })

/** Resolved with `true` when the stream of a feed has ended. */
interface Feed {
  readonly ended: Promise<true>
}

const opened: Promise<void>[] = []
const closing = new AbortController()
afterAll(async () => {
  closing.abort()
  await Promise.all(opened)
})

/** Opens an event stream, and waits for its first event. */
async function openFeed(sub: string): Promise<Feed> {
  const headers = bearer(sub)
  const reply = await fetch(`http://127.0.0.1:${node.port}/feed/1`, { headers, signal: closing.signal })
  expect(reply.status).toBe(200)
  const reader = reply.body!.getReader()
  await reader.read()
  const read = async (): Promise<true> => {
    while (!(await reader.read()).done);
    return true
  }
  const ended = read()
  opened.push(ended.then(undefined, () => undefined).then(() => undefined))
  return { ended }
}

async function statusOfLimited(sub: string): Promise<number> {
  return (await fetch(`http://127.0.0.1:${node.port}/limited/1`, { headers: bearer(sub) })).status
}

/** Opens a view. Uses the rate limit windows first: nodes drop windows that are not used for 10 s. */
async function open(path: string, look?: ConsoleLook): Promise<void> {
  if (path === '/limits') for (const sub of ['alice', hostile]) await statusOfLimited(sub)
  await view.open(path, look)
}

const looks: readonly ConsoleLook[] = [
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 360 },
  { colorScheme: 'dark', width: 360 },
]

test.each([
  ['/streams', 'Streams', 'gatehouse streams list --cluster'],
  ['/limits', 'Limits', 'gatehouse limits list --cluster'],
  ['/upstreams', 'Upstreams', 'gatehouse upstreams'],
])(
  'the console view %s has no serious accessibility fault, fits the screen and shows its command in each theme and width',
  async (path, title, command) => {
    for (const look of looks) {
      await open(path, look)
      await view.page.waitForSelector(`h1 >> text="${title}"`)
      await view.page.waitForSelector('main tbody tr')
      expect(await view.page.textContent('.cli-twin code')).toBe(command)
      expect(await view.accessibilityFaults()).toEqual([])
      expect(await view.width()).toBeLessThanOrEqual(look.width)
      await view.keepPicture(`${title.toLowerCase()}-${look.colorScheme}-${look.width}`)
    }
  },
)

test.each(['/streams', '/limits'])('the console view %s shows markup in a subject as text', async (path) => {
  await open(path)
  await view.page.waitForSelector('main tbody >> text=⟦U+202E⟧gnp.exe')
  expect(await view.page.textContent('main tbody')).toContain(hostileShown)
  expect(await view.page.locator('main img').count()).toBe(0)
  await view.page.click('main tbody tr:has-text("gnp.exe") button')
  await view.page.waitForSelector('dialog >> text=⟦U+202E⟧gnp.exe')
  expect(await view.page.locator('dialog img').count()).toBe(0)
  expect(await view.page.title()).not.toBe('executed')
  await view.page.keyboard.press('Escape')
})

test('an operator ends one stream in the console after a confirmation; Escape ends none', async () => {
  const feed = await openFeed('bob')
  await view.open('/streams?subject=bob')
  const end = view.page.locator('main tbody tr:has-text("bob") button')
  await end.click()
  await view.page.waitForSelector('dialog >> text=Nothing is revoked')
  await view.page.keyboard.press('Escape')
  await view.page.waitForSelector('dialog', { state: 'detached' })
  await end.click()
  expect(await view.accessibilityFaults()).toEqual([])
  await view.keepPicture('end-stream')
  await view.page.fill('dialog input[name=reason]', 'stuck')
  await view.page.click('dialog >> text="End"')
  await view.page.waitForSelector('main >> text=All nodes end the selected streams.')
  expect(await feed.ended).toBe(true)
  await view.page.waitForSelector('main >> text=No open stream matches the filters.')
  await view.keepPicture('ended-stream')
})

test('an operator ends all streams of a subject in the console, and the streams of others continue', async () => {
  const feeds = [await openFeed('carol'), await openFeed('carol')]
  await view.open('/streams')
  await view.page.click('main tbody th:has-text("carol") a')
  expect(view.path).toContain('subject=carol')
  await view.page.click('main >> text=End all of this subject …')
  await view.page.waitForSelector('dialog >> text=All streams of this subject end on every node')
  await view.page.click('dialog >> text="End"')
  for (const { ended } of feeds) expect(await ended).toBe(true)
  await view.open('/streams?subject=alice')
  await view.page.waitForSelector('main tbody tr:has-text("alice")')
})

test('an operator resets a rate limit window in the console, and the gate admits its subject again', async () => {
  expect(await statusOfLimited('alice')).toBe(429)
  await open('/limits')
  // The fullest window is the first row.
  await view.page.waitForSelector('main tbody tr:first-child:has-text("alice") >> text=20 of 20')
  await view.page.click('main tbody tr:has-text("subject=alice") button')
  await view.page.waitForSelector('dialog >> text=forgets 20 requests')
  expect(await view.accessibilityFaults()).toEqual([])
  await view.keepPicture('reset')
  expect(await statusOfLimited('alice')).toBe(429)
  await view.page.click('dialog >> text="Reset"')
  await view.page.waitForSelector('main >> text=The window is empty:')
  expect(await statusOfLimited('alice')).toBe(200)
})

test('an operator drains an upstream in the console for a time, and ends the drain', async () => {
  const row = view.page.locator(`main tbody tr:has-text("spares"):has-text("${spare.url}")`)
  await view.open('/upstreams?service=spares')
  await row.locator('text="Drain …"').click()
  await view.page.waitForSelector('dialog >> text=No node sends new calls to it')
  expect(await view.page.locator('dialog >> text=No other upstream').count()).toBe(0)
  expect(await view.accessibilityFaults()).toEqual([])
  await view.keepPicture('drain')
  await view.page.selectOption('dialog select[name=duration]', '600')
  await view.page.click('dialog >> text="Drain"')
  await view.page.waitForSelector('main >> text=on 1 of 1 nodes.')
  await row.locator('text=drained, ends in').waitFor()
  const { drains } = (await (
    await fetch(`${originOf()}/api/v1/upstreams`, { headers: { authorization: `Bearer ${token}` } })
  ).json()) as { drains: readonly { upstream: string; until: string }[] }
  expect(drains).toMatchObject([{ service: 'spares', upstream: spare.url }])
  const seconds = (Date.parse(drains[0]!.until) - Date.now()) / 1000
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThanOrEqual(600)

  await view.page.locator(`main tbody tr:has-text("${feeds.url}") >> text="Drain …"`).click()
  await view.page.waitForSelector('dialog >> text=No other upstream of this service is in service.')
  await view.page.keyboard.press('Escape')
  await view.keepPicture('drained')
  await row.locator('text=End drain …').click()
  await view.page.click('dialog >> text="End drain"')
  await row.locator('text="Drain …"').waitFor()
  expect(await row.locator('.state').textContent()).not.toContain('drained')
})

test('the views of streams and upstreams offer no change to an operator whose token has no scope for it', async () => {
  const reading = issuer.sign({ claims: { scope: 'gatehouse:read', aud: testAudience } })
  const reader = await ConsolePage.logIn(browser, originOf(), reading)
  for (const path of ['/streams?subject=alice', '/upstreams']) {
    await reader.open(path)
    await reader.page.waitForSelector('main tbody tr')
    expect(await reader.page.locator('main button:has-text("…")').count()).toBe(0)
  }
  await reader.open('/limits')
  await reader.page.waitForSelector('main >> text=This view needs the scope gatehouse:limits')
})

test('the console names the nodes without a recent summary above the streams and the limits', async () => {
  // A summary of another version: the node is known, and its summary is not readable.
  for (const path of ['/streams', '/limits']) {
    const list = path.slice(1)
    await view.page.route(`**/api/v1${path}?**`, async (route) => {
      const reply = await route.fetch()
      const document = (await reply.json()) as { nodes: object[] }
      document.nodes.push({ node: hostile, at: null, total: null, summarized: 0 })
      document.nodes.push({ node: 'big', at: new Date().toISOString(), total: 5000, summarized: 200 })
      await route.fulfill({ response: reply, json: document })
    })
    await view.open(path)
    await view.page.waitForSelector(`main >> text=${list === 'streams' ? 'streams' : 'windows'} are missing here.`)
    expect(await view.page.textContent('main')).toContain(hostileShown)
    await view.page.waitForSelector('main >> text=has 200 of its 5,000')
    expect(await view.page.locator('main img').count()).toBe(0)
    await view.keepPicture(`gaps-${list}`)
    await view.page.unroute(`**/api/v1${path}?**`)
  }
})
