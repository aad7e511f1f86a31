// The app of docs/guide/howto/spa.md in Chromium, with its policy and a real issuer.

import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { startChromium } from '../kit/chromium.ts'
import { documented } from '../kit/documented.ts'
import { loginSecrets, startLoginGate } from '../kit/login-gate.ts'
import { loginClient } from '../kit/login-provider.ts'

const page = 'guide/howto/spa.md'
const [browser, gate] = await Promise.all([startChromium(), startLoginGate()])
const { url, node, orders, provider } = gate

const served: Readonly<Record<string, readonly [type: string, text: string]>> = {
  '/app/': ['text/html', documented(page, 'html', { './session.js': '/session.js' })],
  '/session.js': ['text/javascript', documented(page, 'js spa', {})],
  '/api/orders': ['application/json', '[]'],
}

orders.handler = ({ url: target }, response) => {
  const [type, text] = served[target.replace(/\?.*$/, '')] ?? ['text/plain', 'not found']
  response.writeHead(200, { 'content-type': type }).end(text)
}

/** Policy of the page, changed only in addresses, client id and the place of the secret. */
function documentedPolicy(): object {
  const policy = parse(documented(page, 'yaml', { 'https://idp.example': provider.url }))
  Object.assign(policy.issuers.main.login, {
    client_id: loginClient.id,
    client_secret: { env: Object.keys(loginSecrets).find((name) => name.endsWith('SECRET')) },
  })
  for (const service of Object.values<{ upstreams: string[] }>(policy.services)) service.upstreams = [orders.url]
  return policy
}

test('the documented single-page app goes to the login when the API replies that a login is needed, returns to its page, and logs out', async () => {
  provider.forGate = false
  const revision = node.writePolicy(documentedPolicy())
  node.reload()
  await node.waitForLine((line) => line['revision'] === revision)
  const calls = () => orders.requests.filter(({ url: target }) => target === '/api/orders').length
  const before = calls()
  const tab = await browser.newPage()
  const start = `${url}/app/?view=list&page=2`

  await tab.goto(start)
  await tab.click('button[value=alice]')
  await tab.waitForURL(start)
  await tab.waitForSelector('text=Hello alice <b>')
  await expect.poll(calls).toBe(before + 1)

  await tab.click('text=Log out')
  await tab.waitForURL(`${provider.url}/**`)
  const session = await tab.context().request.get(`${url}/.gatehouse/session`)
  expect((await session.json()).authenticated).toBe(false)
})
