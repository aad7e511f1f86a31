import { readJwt } from '../jwt.ts'
import type { Echo } from '../service.ts'
import { CheckBrowser } from './browser.ts'
import { expectEqual, expectTrue } from './expect.ts'
import { valuesOf } from './forwarded.ts'
import type { CheckStep } from './step.ts'

/** Number of new connections in a row: with 12, it is nearly certain that each of the two nodes accepts one. */
const bothNodes = 12
const program = { Accept: '*/*', 'Sec-Fetch-Mode': 'cors' }

export const loginSteps: readonly CheckStep[] = [
  {
    title: '/app/** without a session: 401 for a program, a redirect to the login for a browser',
    run: async ({ gate }) => {
      const browser = new CheckBrowser()
      const refused = await browser.open(`${gate}/app/1`, { fields: program, follow: false })
      const { code } = JSON.parse(refused.body.toString()) as { code?: unknown }
      expectEqual('reply to a program', [refused.status, code], [401, 'login_required'])
      const sent = await browser.open(`${gate}/app/1`, { follow: false })
      const login = `${gate}/.gatehouse/login?return_to=%2Fapp%2F1`
      expectTrue('a redirect to the login', sent.status === 303 && sent.field('location')?.startsWith(login) === true)
    },
  },
  {
    title:
      'alice logs in, the service learns who she is and gets no cookie, and a logout ends the session on both nodes',
    run: async ({ gate }) => {
      const browser = new CheckBrowser()
      const page = await browser.open(`${gate}/app/hello?x=1`, { user: 'alice' })
      expectEqual('page after the login', [page.status, page.url.href], [200, `${gate}/app/hello?x=1`])
      const { headers } = JSON.parse(page.body.toString()) as Echo
      const { claims } = readJwt(valuesOf(headers, 'x-gatehouse-jwt-assertion')[0] ?? '')
      expectEqual('subject and session in the assertion', [claims.sub, typeof claims.sid], ['alice', 'string'])
      expectTrue('no cookie of the gate at the service', !valuesOf(headers, 'cookie').join().includes('gatehouse'))

      const post = { method: 'POST', fields: { ...program, Origin: 'https://evil.example' } } as const
      expectEqual('status of a POST from another site', (await browser.open(`${gate}/app/`, post)).status, 403)
      await expectStatus(browser, gate, 200)
      const sameSite = { fields: { 'Sec-Fetch-Site': 'same-origin' }, user: 'alice' }
      const out = await browser.open(`${gate}/.gatehouse/logout`, sameSite)
      expectTrue('a page that confirms the logout', out.body.includes('You are logged out'))
      await expectStatus(browser, gate, 401)
    },
  },
]

async function expectStatus(browser: CheckBrowser, gate: string, status: number): Promise<void> {
  for (let i = 0; i < bothNodes; i++) {
    const page = await browser.open(`${gate}/app/`, { fields: program, follow: false })
    expectEqual('status of /app/', page.status, status)
  }
}
