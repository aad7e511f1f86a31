import { type CodeIssuer, startCodeIssuer } from './code-issuer.ts'
import type { HttpBrowser, Page } from './http-browser.ts'
import type { Answer } from './issuer.ts'
import { loginNode } from './login-gate.ts'
import { startNode } from './node.ts'
import { freePort } from './ports.ts'
import { testRedis } from './redis.ts'
import { patientMs } from './redis-patience.ts'
import type { TestNode } from './test-node.ts'
import { startUpstream, type TestUpstream } from './upstream.ts'

/** A gate with a fake issuer whose replies the test sets, for tests of failing logins. */
export interface CodeGate {
  readonly url: string
  readonly callback: string
  readonly issuer: CodeIssuer
  readonly orders: TestUpstream
  readonly nodes: readonly TestNode[]
  readonly redisPort: number
  /** Starts a login at the gate and sends the issuer's reply to the callback, in place of a browser and an issuer. */
  enter(browser: HttpBrowser, options?: EnterOptions): Promise<Page>
}

export interface EnterOptions {
  readonly returnTo?: string
  /** Parameters that override those of the issuer's reply; `undefined` leaves a parameter out. */
  readonly reply?: Readonly<Record<string, string | undefined>>
  readonly redirects?: number
  readonly headers?: Readonly<Record<string, string>>
}

interface CodeGateOptions {
  readonly nodes?: number
  /** Reply of the issuer to requests for its key set while the nodes start. Default: the keys. */
  readonly keys?: Answer
  /** Overrides of `login` of the issuer in the policy. */
  readonly login?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
  /** Overrides of the settings of every node. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Longest time that a node waits for Redis in a request, ms. Default `patientMs`, as for every node of the tests. */
  readonly redisDeadlineMs?: number
}

export async function startCodeGate({
  nodes: count = 1,
  keys,
  env,
  login,
  settings,
  redisDeadlineMs = patientMs,
}: CodeGateOptions = {}): Promise<CodeGate> {
  const port = freePort()
  const [redis, orders, issuer] = await Promise.all([testRedis(), startUpstream(), startCodeIssuer({ keys })])
  const options = loginNode({
    issuer: issuer.url,
    orders: orders.url,
    redisPort: redis.port,
    port,
    // The timeout is longer than its default of 10 s, so that a login on a busy machine does not end with 503.
    login: { timeout: '30s', ...login },
  })
  const starting = Array.from({ length: count }, (_, i) =>
    startNode({
      ...options,
      redisDeadlineMs,
      env: { ...options.env, ...env },
      settings: { ...options.settings, ...settings, node: { id: `n${i + 1}` } },
    }),
  )
  const nodes = await Promise.all(starting)
  const url = `http://127.0.0.1:${port}`
  const callback = `${url}/.gatehouse/callback`
  const enter: CodeGate['enter'] = async (
    browser,
    { returnTo = '/app/', reply = {}, redirects, headers = {} } = {},
  ) => {
    const query = new URLSearchParams({ return_to: returnTo })
    const start = await browser.visit(`${url}/.gatehouse/login?${query}`, { redirects: 0, headers })
    const location = start.field('location')
    if (location === undefined) throw new Error(`the login does not start: ${start.status} ${start.body}`)
    const { state, nonce } = issuer.pending(location)
    const parameters = { code: `code-for.${nonce}`, state, iss: issuer.url, ...reply }
    const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined)
    return browser.visit(`${callback}?${new URLSearchParams(given)}`, {
      headers,
      ...(redirects !== undefined && { redirects }),
    })
  }
  return { url, callback, issuer, orders, nodes, redisPort: redis.port, enter }
}
