import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import { Introspector } from '../../../gateway/issuers/introspector.ts'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { rechecks } from '../../../gateway/issuers/question-queue.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { type IntrospectionIssuer, type Script, startIntrospectionIssuer } from '../../kit/introspection-issuer.ts'
import { introspectionRules } from '../../kit/introspection-rules.ts'
import { processSecrets } from '../../kit/secrets.ts'

// Error replies to introspection requests: with status 400, some mean an inactive token, the others an outage of the
// issuer.

const minuteMs = 60_000

let issuer: IntrospectionIssuer
/** Monotonic time by the clock of the introspectors under test, ms. */
let nowMs = 0

beforeAll(async () => {
  vi.stubEnv('TEST_INTROSPECTION_SECRET', 'secret-1')
  issuer = await startIntrospectionIssuer()
})

afterEach(() => {
  issuer.script = undefined
  vi.stubEnv('TEST_INTROSPECTION_SECRET', 'secret-1')
})

function introspector(): Introspector {
  const log = () => {}
  const keys = new IssuerKeys({ log })
  const client = new IssuerClient()
  const made = new Introspector(introspectionRules(issuer.url), {
    client,
    keys,
    secrets: processSecrets(),
    log,
    now: () => nowMs,
  })
  atEnd(() => Promise.all([made.close(), keys.close(), client.close()]))
  return made
}

const error =
  (code: string, more: Script = {}) =>
  (): Script => ({
    status: 400,
    body: JSON.stringify({ error: code }),
    ...more,
  })

const inactive = { active: false, ended: false, claims: {} }
const active = { active: true, ended: false }

test('400 unsupported_token_type from the introspection endpoint means that the token is inactive, but not revoked, even if the issuer has sent no valid reply before', async () => {
  issuer.script = error('unsupported_token_type')

  expect(await introspector().ask('garbage', rechecks)).toEqual(inactive)
})

test('an introspection reply 400 invalid_request counts as an outage of the issuer if the issuer has never sent a valid reply', async () => {
  issuer.script = error('invalid_request')

  await expect(introspector().ask('garbage', rechecks)).rejects.toThrow('status 400, invalid_request')
})

test('an introspection reply 400 invalid_request means an inactive token for 5 minutes after a valid reply, and later an outage of the issuer', async () => {
  const asked = introspector()
  expect(await asked.ask(issuer.issue(), rechecks)).toMatchObject(active)
  issuer.script = error('invalid_request')

  nowMs += 5 * minuteMs - 1
  expect(await asked.ask('garbage', rechecks)).toEqual(inactive)
  nowMs += 1
  await expect(asked.ask('garbage', rechecks)).rejects.toThrow('status 400, invalid_request')
})

test('an introspection reply with status 400 does not extend the 5 minutes in which invalid_request means an inactive token', async () => {
  const asked = introspector()
  expect(await asked.ask(issuer.issue(), rechecks)).toMatchObject(active)
  nowMs += 4 * minuteMs
  issuer.script = error('unsupported_token_type')
  expect(await asked.ask('garbage', rechecks)).toEqual(inactive)
  issuer.script = error('invalid_request')
  expect(await asked.ask('garbage', rechecks)).toEqual(inactive)
  nowMs += 2 * minuteMs

  await expect(asked.ask('garbage', rechecks)).rejects.toThrow('status 400, invalid_request')
})

test('an introspection reply 200 about an inactive token is a valid reply, after which 400 invalid_request means an inactive token', async () => {
  const asked = introspector()
  expect(await asked.ask('unknown', rechecks)).toEqual({ active: false, ended: true, claims: {} })
  issuer.script = error('invalid_request')

  expect(await asked.ask('garbage', rechecks)).toEqual(inactive)
})

test('after a change of the client secret, an introspection reply 400 invalid_request counts as an outage of the issuer until the first valid reply', async () => {
  const asked = introspector()
  expect(await asked.ask(issuer.issue(), rechecks)).toMatchObject(active)
  vi.stubEnv('TEST_INTROSPECTION_SECRET', 'secret-2')
  issuer.script = error('invalid_request')
  const mark = issuer.asked.length

  await expect(asked.ask('garbage', rechecks)).rejects.toThrow('status 400, invalid_request')
  // The introspection request was sent with both secrets.
  expect(new Set(issuer.asked.slice(mark).map(({ headers }) => headers.authorization)).size).toBe(2)
  issuer.script = undefined
  expect(await asked.ask(issuer.issue(), rechecks)).toMatchObject(active)
  issuer.script = error('invalid_request')
  expect(await asked.ask('garbage', rechecks)).toEqual(inactive)
})

test.each([
  ['status 400 and the error code invalid_scope', error('invalid_scope')],
  ['status 400 and no error code', () => ({ status: 400, body: '{}' })],
  ['status 400 and an error code in a body of type text/html', error('unsupported_token_type', { type: 'text/html' })],
  [
    'status 400 and two error codes',
    () => ({
      status: 400,
      body: '{"error":"invalid_scope","error":"unsupported_token_type"}',
    }),
  ],
  ['unsupported_token_type with status 500', error('unsupported_token_type', { status: 500 })],
  ['invalid_request with status 401', error('invalid_request', { status: 401 })],
] as const)(
  'an introspection reply with %s counts as an outage of the issuer, even after a valid reply',
  async (_, script) => {
    const asked = introspector()
    expect(await asked.ask(issuer.issue(), rechecks)).toMatchObject(active)
    issuer.script = script

    await expect(asked.ask('garbage', rechecks)).rejects.toThrow(/status \d+/)
  },
)
