import { expectEqual, expectTrue } from './expect.ts'
import { readJwt } from './jwt.ts'
import { loopback } from './ports.ts'
import type { Echo } from './service.ts'
import { type Page, TourBrowser } from './tour-browser.ts'
import type { TourStep } from './tour-step.ts'
import type { Tourist } from './tourist.ts'

/** Connections that, one after the other, reach both nodes. */
const bothNodes = 12
const program = { Accept: '*/*', 'Sec-Fetch-Mode': 'cors' }

/** `/app/**`: people log in, and out. */
export const logins: readonly TourStep[] = [
  {
    title: '/app/** without a session: a program is told where to log in, a browser is sent there',
    run: async ({ gate }) => {
      const browser = new TourBrowser()
      const told = await browser.visit(`${gate}/app/1`, { fields: program, followed: false })
      const login = `${gate}/.gatehouse/login`
      expectEqual('status of /app/1 for a program', told.status, 401)
      const problem = documentOf(told)
      expectEqual('code in its problem document', problem.code, 'login_required')
      expectTrue('that it says where to log in', String(problem.login).startsWith(`${login}?`))

      const sent = await browser.visit(`${gate}/app/1`, { followed: false })
      expectEqual('status of /app/1 for a browser', sent.status, 303)
      expectTrue(
        'that it is sent to log in',
        String(sent.field('location')).startsWith(`${login}?return_to=%2Fapp%2F1`),
      )
    },
  },
  {
    title:
      'a login with the forms of the issuer leads back to the page, and the service learns who it is, and no cookie',
    run: async (tourist) => {
      const page = await logIn(tourist, new TourBrowser(), 'alice', '/app/hello?x=1')
      const echo = documentOf(page) as unknown as Echo
      const field = (name: string) => echo.headers.find(([key]) => key.toLowerCase() === name)?.[1]
      expectEqual('service and URL', [echo.service, echo.url], ['orders', '/app/hello?x=1'])
      const { claims } = readJwt(field('x-gatehouse-jwt-assertion') ?? '')
      expectEqual('subject of the assertion', claims.sub, 'alice')
      expectTrue('that the assertion names the session', typeof claims.sid === 'string')
      expectTrue('that no cookie of the gate reached the service', !String(field('cookie')).includes('gatehouse'))
    },
  },
  {
    title: 'a page can ask who is logged in; what changes something must come from a page of the gate',
    run: async (tourist) => {
      const { gate } = tourist
      const browser = new TourBrowser()
      const nobody = await browser.visit(`${gate}/.gatehouse/session`, { fields: program })
      expectEqual('authenticated, before the login', documentOf(nobody).authenticated, false)
      await logIn(tourist, browser, 'bob', '/app/')
      const view = documentOf(await browser.visit(`${gate}/.gatehouse/session`, { fields: program }))
      expectEqual('subject of the session', view.subject, 'bob')
      expectEqual('name of the user', (view.claims as { name?: unknown }).name, 'Bob')

      for (const [origin, status] of [
        ['https://evil.example', 403],
        [gate, 200],
      ] as const) {
        const reply = await browser.visit(`${gate}/app/`, { method: 'POST', fields: { ...program, Origin: origin } })
        expectEqual(`status of a POST from ${origin}`, reply.status, status)
      }
    },
  },
  {
    title: 'a logout ends the session on both nodes, and at the issuer',
    run: async (tourist) => {
      const { gate } = tourist
      const browser = new TourBrowser()
      await logIn(tourist, browser, 'alice', '/app/')
      const asked = await browser.visit(`${gate}/.gatehouse/logout`)
      expectTrue('that a logout from elsewhere is asked about', asked.body.includes('Log out?'))
      await expectStatus(browser, gate, 200)

      const out = await browser.visit(`${gate}/.gatehouse/logout`, {
        fields: { 'Sec-Fetch-Site': 'same-origin' },
        user: 'alice',
      })
      expectEqual('the page that it ends on', out.url.href.split('?')[0], `${gate}/.gatehouse/logout`)
      expectTrue('that it says so', out.body.includes('You are logged out'))
      await expectStatus(browser, gate, 401)
    },
  },
  {
    title: 'a logout at the issuer ends the session on both nodes',
    run: async (tourist) => {
      const { gate, ports } = tourist
      const browser = new TourBrowser()
      await logIn(tourist, browser, 'bob', '/app/')
      await expectStatus(browser, gate, 200)
      await browser.visit(`${loopback(ports.issuer)}/session/end`, { user: 'bob' })
      await expectStatus(browser, gate, 401)
    },
  },
]

async function logIn({ gate }: Tourist, browser: TourBrowser, user: string, target: string): Promise<Page> {
  const page = await browser.visit(`${gate}${target}`, { user })
  expectEqual(`where the login of ${user} ends`, page.url.href, `${gate}${target}`)
  expectEqual('status there', page.status, 200)
  return page
}

async function expectStatus(browser: TourBrowser, gate: string, status: number): Promise<void> {
  for (let i = 0; i < bothNodes; i++) {
    const page = await browser.visit(`${gate}/app/`, { fields: program, followed: false })
    expectEqual('status of /app/', page.status, status)
  }
}

function documentOf({ body }: Page): Readonly<Record<string, unknown>> {
  return JSON.parse(body.toString()) as Readonly<Record<string, unknown>>
}
