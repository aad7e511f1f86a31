// The policies of docs/guide/howto admit the users that the page says, with ID tokens of the documented form. The
// issuer is a fake: none of the tokens was issued by a product.

import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { loginClient } from '../kit/login-provider.ts'

const { url, enter, issuer, orders, nodes } = await startCodeGate()
const [node] = nodes

interface Policy {
  readonly issuers: { readonly main: { issuer: string; login: Record<string, unknown> } }
  readonly services: Readonly<Record<string, { upstreams: string[] }>>
}

/** Policy of a page, changed only in addresses, client id and the place of the secret. */
function policyOf(page: string): Policy {
  const text = readFileSync(new URL(`../../docs/guide/howto/${page}.md`, import.meta.url), 'utf8')
  const [, block] = /^```yaml\n(# policy\.yaml\n.*?)^```$/ms.exec(text)!
  const policy = parse(block!) as Policy
  const { main } = policy.issuers
  main.issuer = issuer.url
  Object.assign(main.login, { client_id: loginClient.id, client_secret: { env: 'TEST_LOGIN_SECRET' } })
  for (const service of Object.values(policy.services)) service.upstreams = [orders.url]
  return policy
}

/** Logs a new browser in with an ID token of these claims, and opens a page. */
async function statusAt(path: string, claims: Readonly<Record<string, unknown>>): Promise<number> {
  issuer.idToken = { claims }
  issuer.accessToken = 'opaque-to-the-gate'
  const browser = new HttpBrowser()
  await enter(browser, { returnTo: path, redirects: 0 })
  return (await browser.visit(url + path, { redirects: 0 })).status
}

const ours = { sub: 'u1', name: 'U', email: 'u1@corp.example' }
const verified = { ...ours, email_verified: true }

const cases: Record<string, [who: string, path: string, claims: Record<string, unknown>, status: number][]> = {
  keycloak: [
    ['a user of the realm', '/', { ...verified, preferred_username: 'u1' }, 200],
    ['a member of admins', '/admin/', { ...verified, groups: ['users', 'admins'] }, 200],
    ['a member of other groups', '/admin/', { ...verified, groups: ['users'] }, 403],
    ['a user without the group mapper', '/admin/', verified, 403],
    ['a member of a group with its full path', '/admin/', { ...verified, groups: ['/admins'] }, 403],
  ],
  google: [
    ['an account of the Workspace', '/', { ...verified, hd: 'corp.example' }, 200],
    ['a private account with an address of the domain', '/', verified, 403],
    ['an account of another Workspace', '/', { ...verified, email: 'u@other.example', hd: 'other.example' }, 403],
    ['an account of a further domain', '/', { ...verified, email: 'u@sub.corp.example', hd: 'corp.example' }, 403],
    ['an unverified address', '/', { ...ours, email_verified: false, hd: 'corp.example' }, 403],
  ],
  entra: [
    ['a user of the tenant', '/', { ...ours, acct: 0, oid: 'o1', tid: 't1', ver: '2.0' }, 200],
    ['a guest', '/', { ...ours, acct: 1, oid: 'o2', tid: 't1' }, 403],
    ['a user without the optional claim', '/', { ...ours, oid: 'o1', tid: 't1' }, 403],
    ['a user with the app role', '/admin/', { ...ours, roles: ['App.Admin'] }, 200],
    ['a user without app roles', '/admin/', ours, 403],
  ],
  github: [
    ['a member of the organization', '/', { ...verified, preferred_username: 'u1' }, 200],
    ['a member of the team', '/admin/', { ...verified, groups: ['corp:web', 'corp:platform'] }, 200],
    ['a member of another team', '/admin/', { ...verified, groups: ['corp:web'] }, 403],
  ],
  spa: [
    ['a user', '/api/orders', ours, 200],
    ['a user', '/index.html', ours, 200],
  ],
}

describe.each(Object.keys(cases))('the policy in docs/guide/howto/%s.md', (page) => {
  beforeAll(async () => {
    const revision = node!.writePolicy(policyOf(page))
    node!.reload()
    await node!.waitForLine((line) => line['revision'] === revision)
  })

  test.each(cases[page]!)(
    'with the documented policy, %s at %s with %j gets the status %i',
    async (_, path, claims, status) => {
      expect(await statusAt(path, claims)).toBe(status)
    },
  )

  test('with the documented policy, a browser without a session is redirected to the login or gets 401', async () => {
    const path = page === 'spa' ? '/api/orders' : '/'
    const call = { accept: '*/*', 'sec-fetch-mode': 'cors' }
    const visit = (headers: Record<string, string>) => new HttpBrowser().visit(url + path, { headers, redirects: 0 })

    const [navigation, fetched] = [await visit({ accept: 'text/html' }), await visit(call)]

    expect(navigation.status).toBe(303)
    expect([fetched.status, JSON.parse(fetched.body).code]).toEqual([401, 'login_required'])
  })
})
