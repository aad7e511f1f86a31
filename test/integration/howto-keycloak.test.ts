// The policy and the settings of docs/guide/howto/keycloak.md with a real issuer: login, group, logout at the issuer.
// The issuer is oidc-provider, registered as the page says. It states groups for a scope, where Keycloak has a mapper.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, startLoginGate } from '../kit/login-gate.ts'
import { loginClient } from '../kit/login-provider.ts'
import { startNode } from '../kit/node.ts'

const page = readFileSync(new URL('../../docs/guide/howto/keycloak.md', import.meta.url), 'utf8')
const { node: first, options, orders, provider, url } = await startLoginGate()

/** The YAML document of the page that begins with this comment. */
function documentOf(name: string): Record<string, unknown> {
  const block = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].find(([, text]) => text!.startsWith(`# ${name}\n`))
  return parse(block![1]!)
}

function policyOfPage(): object {
  const policy = documentOf('policy.yaml') as {
    issuers: { main: { issuer: string; login: Record<string, unknown> } }
    services: { app: { upstreams: string[] } }
  }
  const { main } = policy.issuers
  main.issuer = provider.url
  const scopes = [...(main.login['scopes'] as string[]), 'groups']
  Object.assign(main.login, { client_id: loginClient.id, client_secret: { env: 'TEST_LOGIN_SECRET' }, scopes })
  policy.services.app.upstreams = [orders.url]
  return policy
}

await first.stop()
provider.forGate = false
provider.groups = { alice: ['admins'], bob: ['users'] }
const { listen, public_url, keys, redis } = options.settings!
await startNode({
  ...options,
  policy: policyOfPage(),
  settings: { ...documentOf('gatehouse.yaml'), listen, public_url, keys, redis },
})

test('with the documented files, a user logs in, a member of the group reaches /admin/, and a logout at the issuer ends the session', async () => {
  const [alice, bob] = [new HttpBrowser(), new HttpBrowser()]

  expect((await new HttpBrowser().visit(`${url}/static/a.css`, { redirects: 0 })).status).toBe(200)
  const opened = await logIn(alice, `${url}/orders?page=2`)
  expect([opened.status, opened.url]).toEqual([200, `${url}/orders?page=2`])
  expect(orders.requests.at(-1)!.all('x-auth-request-groups')).toEqual(['admins'])
  expect((await alice.visit(`${url}/admin/`)).status).toBe(200)
  expect((await logIn(bob, `${url}/admin/`, 'bob')).status).toBe(403)

  const ended = await alice.visit(`${provider.url}/session/end`)
  await alice.submit(ended, { logout: 'yes' })
  const call = { headers: { accept: '*/*', 'sec-fetch-mode': 'cors' } }
  await expect.poll(async () => (await alice.visit(`${url}/orders`, call)).status).toBe(401)
  expect((await bob.visit(`${url}/orders`, call)).status).toBe(200)
})
