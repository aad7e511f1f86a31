import { readJwt } from '../jwt.ts'
import type { Echo } from '../service.ts'
import { CheckBrowser } from './browser.ts'
import { expectEqual, expectTrue } from './expect.ts'
import type { CheckStep } from './step.ts'

/**
 * Number of requests after a logout. Each uses a new connection, so that the kernel distributes them over both nodes.
 */
const requests = 8

export const loginSteps: readonly CheckStep[] = [
  {
    title:
      '/app/**: a browser logs alice in, the service learns who she is, a page for another group is refused, and a logout ends the session on both nodes',
    run: async ({ gate }) => {
      const browser = new CheckBrowser()
      const status = async () =>
        (await browser.open(`${gate}/app/`, { Accept: '*/*', 'Sec-Fetch-Mode': 'cors' })).status
      expectEqual('status for a program without a session', await status(), 401)
      const page = await browser.open(`${gate}/app/hello?x=1`)
      expectEqual('page after the login', [page.status, page.url.href], [200, `${gate}/app/hello?x=1`])
      const { headers } = JSON.parse(page.body.toString()) as Echo
      const assertion = headers.find(([name]) => name.toLowerCase() === 'x-gatehouse-jwt-assertion')?.[1] ?? ''
      expectEqual('subject of the assertion', readJwt(assertion).claims['sub'], 'alice')
      const start = await browser.open(`${gate}/app/`)
      expectTrue('a page of the app that names alice', start.body.includes('You are <b>alice</b>'))
      const refused = await browser.open(`${gate}/app/admin/`)
      const [, link] = /<a href="(\/app\/admin\/)">/.exec(start.body.toString()) ?? []
      expectEqual('link of the app to a refused page, and its status', [link, refused.status], ['/app/admin/', 403])
      expectTrue('a page that says why', refused.body.includes('You have no access to this page'))
      const end = await browser.open(`${gate}/.gatehouse/logout`, { 'Sec-Fetch-Site': 'same-origin' })
      expectTrue('a page that confirms the logout', end.body.includes('You are logged out'))
      for (let i = 0; i < requests; i++) expectEqual('status after the logout', await status(), 401)
    },
  },
]
