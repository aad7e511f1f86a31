import { expect, test } from 'vitest'
import { parseStatedTime, statedExpiries } from '../../../gateway/config/stated-expiry.ts'
import { policyOf, problemsOf, snapshotOf } from '../policy/policy-text.ts'

// `expires` of a secret reference: the expiry date that the issuer of the secret has set.

test.each([
  ['2030-01-31', '2030-01-31T00:00:00.000Z'],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ['2030-01-31T12:00:00Z', '2030-01-31T12:00:00.000Z'],
  ['2030-01-31T12:00:00+02:00', '2030-01-31T10:00:00.000Z'],
])('the value %s of `expires` of a secret is read as the time %s', (written, time) => {
  expect(new Date(parseStatedTime(written)!).toISOString()).toBe(time)
})

test.each([
  '2030-02-30',
  '2030-13-01',
  '2030-1-31',
  '31.01.2030',
  '2030-01-31T25:00:00Z',
  '2030-01-31 12:00',
  'soon',
  '',
])('the text "%s" is not accepted as the expiry of a secret', (written) => {
  expect(parseStatedTime(written)).toBeUndefined()
})

test('every reference to a secret with `expires` is listed with its path, and with the id of its entry if the secret is in a list', () => {
  const document = {
    admin: { bootstrap_token: { env: 'TOKEN', expires: '2030-01-01' } },
    keys: { encryption: [{ id: '2030-a', secret: { file: '/k', expires: '2030-01-02' } }] },
    audit: { sinks: [{ url: 'x', auth: { token: { file: '/t', expires: '2030-01-03' } } }] },
    unstated: { client_secret: { file: '/s' } },
    other: { expires: '2030-01-04' },
  }

  expect(statedExpiries(document)).toEqual([
    { kind: 'secret', name: 'admin.bootstrap_token', expiresAtMs: Date.UTC(2030, 0, 1) },
    { kind: 'key', name: 'keys.encryption.2030-a', expiresAtMs: Date.UTC(2030, 0, 2) },
    { kind: 'secret', name: 'audit.sinks[0].auth.token', expiresAtMs: Date.UTC(2030, 0, 3) },
  ])
})

const policyWith = (key: object) =>
  policyOf({ r: { path: '/**' } }, { upstreams: ['https://orders.test'], upstream_tls: { certificate: 'c', key } })

test('a compiled policy contains the expiry dates that `expires` states for its secrets', () => {
  expect(snapshotOf(policyWith({ file: 'k', expires: '2030-01-31' })).secretExpiries).toEqual([
    { kind: 'secret', name: 'services.orders.upstream_tls.key', expiresAtMs: Date.UTC(2030, 0, 31) },
  ])
})

test.each([['2030-02-30'], [20300131], ['in a year']])('`expires: %s` in a policy is an error', (expires) => {
  const [problem] = problemsOf(() => snapshotOf(policyWith({ file: 'k', expires })))

  expect(problem).toMatchObject({ code: 'GH_CONFIG_VALUE', path: 'services.orders.upstream_tls.key.expires' })
  expect(problem!.message).toContain('must be a date such as 2030-01-31')
})
