// A malicious login issuer must not obtain a code that an honest issuer issues for another login (mix-up attack, RFC
// 9700 §4.4).

import { expect, test } from 'vitest'
import type { CodeIssuer } from '../kit/code-issuer.ts'
import { codesAt, startHonestIssuer, startMaliciousIssuer } from '../kit/endpoint-issuer.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { loginNode } from '../kit/login-gate.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

const [redis, orders] = await Promise.all([testRedis(), startUpstream()])

interface MixUpGate {
  readonly url: string
  readonly honest: CodeIssuer
  readonly malicious: CodeIssuer
  /** Redirect URIs that are registered for the gate at the honest issuer. */
  readonly registered: readonly string[]
  /** Parameters that the malicious issuer replaces in an authorization request before it redirects the browser. */
  forged: Readonly<Record<string, string>>
  /** Activates a policy that has these values of `login.redirect` for the two issuers. */
  redirect(redirects: Redirects): Promise<void>
}

type Redirect = 'plain' | 'issuer'
type Redirects = { readonly main: Redirect; readonly evil: Redirect }

interface Policy {
  issuers: Record<string, { issuer: string; login: object }>
  services: Record<string, Record<string, unknown>>
}

/** Starts a gate with two login issuers: `main`, which is honest, and `evil`, which is malicious. */
async function startMixUpGate(redirects: Redirects, paths?: readonly string[]): Promise<MixUpGate> {
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const suffix = redirects.main === 'plain' ? '' : '/main'
  const registered = (paths ?? [`/.gatehouse/callback${suffix}`, `/oauth2/callback${suffix}`]).map((path) => url + path)
  const honest = await startHonestIssuer(registered)
  const malicious = await startMaliciousIssuer((asked) => {
    return `${honest.url}/auth?${new URLSearchParams({ ...Object.fromEntries(asked), ...place.forged })}`
  })
  const options = loginNode({ issuer: honest.url, orders: orders.url, redisPort: redis.port, port })
  const policyOf = ({ main, evil }: Redirects): Policy => {
    const policy = structuredClone(options.policy) as Policy
    const entry = policy.issuers['main']!
    const login = { ...entry.login, client_id: 'gate-at-evil', redirect: evil }
    policy.issuers['main'] = { ...entry, login: { ...entry.login, redirect: main } }
    policy.issuers['evil'] = { ...entry, issuer: malicious.url, login }
    policy.services['orders']!['issuers'] = ['main', 'evil']
    return policy
  }
  const node = await startNode({ ...options, policy: policyOf(redirects) })
  const place: MixUpGate = {
    ...{ url, honest, malicious, registered, forged: {} },
    async redirect(next) {
      const revision = node.writePolicy(policyOf(next))
      node.reload()
      await node.waitForLine((line) => line['revision'] === revision)
    },
  }
  return place
}

async function begin(browser: HttpBrowser, { url }: MixUpGate, issuer: string): Promise<URL> {
  const page = await browser.visit(`${url}/.gatehouse/login?issuer=${issuer}&return_to=/app/`, { redirects: 0 })
  return new URL(page.field('location')!)
}

/** Creates a browser in which this person is logged in at the honest issuer. */
function personAt(name: string): HttpBrowser {
  const browser = new HttpBrowser()
  browser.keep(`person=${name}; Path=/auth`)
  return browser
}

async function subjectOf(browser: HttpBrowser, { url }: MixUpGate): Promise<unknown> {
  return JSON.parse((await browser.visit(`${url}/.gatehouse/session`)).body).subject
}

for (const redirect of ['plain', 'issuer'] as const) {
  const place = await startMixUpGate({ main: redirect, evil: 'issuer' })

  test(`if the honest issuer has redirect: ${redirect}, a login at this issuer creates a session`, async () => {
    const browser = personAt('alice')

    const page = await browser.visit(`${place.url}/.gatehouse/login?issuer=main&return_to=/app/`)

    expect([page.status, page.url]).toEqual([200, `${place.url}/app/`])
    expect(await subjectOf(browser, place)).toBe('alice')
  })

  test.each([
    ['the /.gatehouse redirect URI of the honest issuer', 0],
    ['the /oauth2 redirect URI of the honest issuer', 1],
  ])(
    `if the honest issuer has redirect: ${redirect}, a malicious issuer that redirects a victim to it with %s gets no code`,
    async (_, i) => {
      const attacker = new HttpBrowser()
      // The attacker starts a login at the honest issuer. The code of the victim is to be issued for this login.
      const own = await begin(attacker, place, 'main')
      const [nonce, challenge] = ['nonce', 'code_challenge'].map((name) => own.searchParams.get(name)!)
      place.forged = {
        client_id: 'web',
        redirect_uri: place.registered[i]!,
        nonce: nonce!,
        code_challenge: challenge!,
      }
      const victim = personAt('alice')
      const exchanged = codesAt(place.honest).length

      const page = await victim.visit(`${place.url}/.gatehouse/login?issuer=evil&return_to=/app/`)

      // If the malicious issuer has obtained a code, the attacker redeems it.
      const stolen = codesAt(place.malicious).at(-1)
      if (stolen !== undefined) {
        const reply = new URLSearchParams({ code: stolen, state: own.searchParams.get('state')! })
        await attacker.visit(`${own.searchParams.get('redirect_uri')}?${reply}`)
      }
      expect(await subjectOf(attacker, place)).toBeUndefined()
      expect(stolen).toBeUndefined()
      expect([page.status, page.url.startsWith(place.registered[i]!)]).toEqual([400, true])
      expect(codesAt(place.honest).length).toBe(exchanged)
      expect(victim.session).toBeUndefined()
    },
  )

  test(`if the honest issuer has redirect: ${redirect}, it rejects the redirect URI of the malicious issuer as unregistered`, async () => {
    place.forged = { client_id: 'web' }
    const victim = personAt('alice')

    const page = await victim.visit(`${place.url}/.gatehouse/login?issuer=evil`)

    expect([page.status, page.body]).toEqual([400, 'not registered'])
  })
}

test('after the redirect URI of a login moves to another issuer, the gate rejects a reply of that issuer to the login', async () => {
  const before = { main: 'issuer', evil: 'plain' } as const
  const moved = await startMixUpGate(before, ['/.gatehouse/callback', '/.gatehouse/callback/main'])
  moved.forged = { client_id: 'web', redirect_uri: moved.registered[0]! }
  const victim = personAt('alice')
  const start = await begin(victim, moved, 'evil')
  await moved.redirect({ main: 'plain', evil: 'issuer' })

  const page = await victim.visit(start.href)

  expect(codesAt(moved.malicious)).toEqual([])
  expect([page.status, page.url.split('?')[0]]).toEqual([400, moved.registered[0]])
  // A login works at the issuer that now has the redirect URI.
  await victim.visit(`${moved.url}/.gatehouse/login?issuer=main`)
  expect(await subjectOf(victim, moved)).toBe('alice')
})

test('a login completes at its original redirect URI although the policy gives its issuer another redirect URI during the login', async () => {
  const same = await startMixUpGate({ main: 'plain', evil: 'issuer' })
  const browser = personAt('alice')
  const start = await begin(browser, same, 'main')
  await same.redirect({ main: 'issuer', evil: 'issuer' })

  await browser.visit(start.href)

  expect(await subjectOf(browser, same)).toBe('alice')
})

const place = await startMixUpGate({ main: 'plain', evil: 'issuer' })

test.each([
  ['login', 'main', '/.gatehouse/callback'],
  ['login', 'evil', '/.gatehouse/callback/evil'],
  ['start', 'main', '/oauth2/callback'],
  ['start', 'evil', '/oauth2/callback/evil'],
])(
  'the gate accepts the reply to a login that starts at a path ending in /%s, with the issuer %s, only at %s',
  async (word, issuer, path) => {
    const browser = new HttpBrowser()
    const start = word === 'start' ? '/oauth2/start' : '/.gatehouse/login'
    const page = await browser.visit(`${place.url}${start}?issuer=${issuer}`, { redirects: 0 })
    const asked = new URL(page.field('location')!).searchParams
    expect(asked.get('redirect_uri')).toBe(place.url + path)

    const reply = new URLSearchParams({ code: 'c', state: asked.get('state')! })
    const bases = ['/.gatehouse/callback', '/oauth2/callback']
    const others = bases.flatMap((base) => ['', '/main', '/evil', '/nobody'].map((name) => base + name))
    for (const other of others.filter((each) => each !== path)) {
      const { status } = await browser.visit(`${place.url}${other}?${reply}`)
      expect([other, status]).toEqual([other, 400])
    }
    // The correct URI comes last. Status 403 instead of 400 shows that no rejected reply has consumed the login.
    expect((await browser.visit(`${place.url}${path}?${reply}`)).status).toBe(403)
  },
)

test.each(['/.gatehouse/callback/', '/.gatehouse/callback/a/b', '/.gatehouse/callback/a%20b', '/.gatehouse/callbacks'])(
  'the gate replies 404 to the path %s, which is not a redirect URI',
  async (path) => {
    expect((await new HttpBrowser().visit(`${place.url}${path}?code=c&state=s`)).status).toBe(404)
  },
)
