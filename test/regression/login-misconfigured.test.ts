// An issuer that rejects the client of the gate: its texts in the log are cut and harmless, and a page says that a new
// login does not help.

import { afterEach, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { until } from '../kit/until.ts'

const { callback, issuer, nodes, enter } = await startCodeGate({
  login: { resource: 'https://api.test', scopes: ['openid', 'orders:read'] },
})
const [node] = nodes

afterEach(() => {
  issuer.failure = undefined
})

/** Returns the problem in the log line of a refused login. */
async function problemOf(refuse: () => Promise<unknown>): Promise<string> {
  const refused = () => node!.log.filter(({ msg }) => msg === 'login refused')
  const before = refused().length
  await refuse()
  await until('the log line', () => refused().length > before)
  const { reason, problem } = refused().at(-1)!
  return `${reason}: ${problem}`
}

const failure = (status: number, error: string, error_description?: string) => ({
  status,
  body: JSON.stringify({ error, error_description }),
})

test.each([
  ['invalid_client', 'compare issuers.main.login.client_id'],
  ['unauthorized_client', 'allow client web the authorization code flow'],
  ['invalid_scope', 'allow the scopes openid orders:read for client web'],
  ['invalid_target', 'change issuers.main.login.resource'],
  ['invalid_request', `register the redirect URI ${callback} for client web`],
])(
  'when the issuer refuses a code exchange with %s, the login ends with 503 and the log has the remedy',
  async (error, remedy) => {
    issuer.failure = failure(error === 'invalid_client' ? 401 : 400, error)
    const browser = new HttpBrowser()
    let status = 0

    const problem = await problemOf(async () => {
      status = (await enter(browser)).status
    })

    expect([status, browser.session]).toEqual([503, undefined])
    expect(problem).toContain(`login-misconfigured: the issuer rejects the login as configured (${error})`)
    expect(problem).toContain(remedy)
  },
)

test('when the authorization response has the error invalid_scope, the login ends with 503 and the remedy, without a call to the issuer', async () => {
  const asked = issuer.asked.length
  const reply = { code: undefined, error: 'invalid_scope', error_description: 'unknown scope' }

  const problem = await problemOf(() => enter(new HttpBrowser(), { reply }))

  expect(problem).toContain('(invalid_scope: unknown scope)')
  expect(issuer.asked.length).toBe(asked)
})

test('an error text of the issuer is shortened to 200 characters in the log, without control characters, secrets and tokens', async () => {
  const secret = 'web-secret-for-tests-only'
  const said = `bad\r\nsecret ${secret} \u202e ${'t'.repeat(40)} ${'word '.repeat(100)}`
  issuer.failure = failure(401, 'invalid_client', said)

  const problem = await problemOf(() => enter(new HttpBrowser()))

  expect(problem).toMatch(/\(invalid_client: bad\?\?secret … \? … (?:word )+\S*\); compare/)
  expect(problem).not.toContain(secret)
  expect(problem.length).toBeLessThan(600)
})
