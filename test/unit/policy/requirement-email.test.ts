// The requirement `email`: which addresses meet it, and which never do, whatever the policy lists.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { EmailList } from '../../../gateway/policy/email-list.ts'
import { EmailLists } from '../../../gateway/policy/email-lists.ts'
import { relaxationsOf } from '../../../gateway/policy/relaxations.ts'
import { requirementTree } from '../../../gateway/policy/requirements/requirement-tree.ts'
import { until } from '../../kit/until.ts'
import { snapshotOf } from './policy-text.ts'
import { compiled, outcomeOf } from './requirement-input.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-emails-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'users')
writeFileSync(file, '# staff\n\nAnn@Other.example\r\n  bob+x@other.example\nj\u00fcrgen@other.example\n')

const outcome = (value: object, email: unknown, verified: unknown = true) =>
  outcomeOf(compiled(requirementTree.parse(value)), { claims: { email, email_verified: verified } })
const corp = { email: { domain: ['Corp.example', 'xn--bcher-kva.example'] } }
const listed = { email: { addresses: { file } } }
const no = 'email-mismatch'

test.each([
  ['a@corp.example', 'met'],
  ['A.B+c@CORP.EXAMPLE', 'met'],
  ['\u0430dmin@corp.example', 'met'],
  ['a@xn--bcher-kva.example', 'met'],
  ['a@b\u00fccher.example', no],
  ['a@sub.corp.example', no],
  ['a@notcorp.example', no],
  ['a@corp.example.evil.test', no],
  ['a@corp.example.', no],
  ['a@corp.exampl\u212a', no],
  ['a@corp\uff0eexample', no],
  ['a\uff20corp.example', no],
  ['corp.example', no],
  ['@corp.example', no],
  ['a@evil.test@corp.example', no],
  ['a@corp.example@evil.test', no],
  ['"a@evil.test"@corp.example', no],
  ['"a"@corp.example', no],
  ['a@evil.test,b@corp.example', no],
  ['a@evil.test b@corp.example', no],
  ['a@evil.test\u0000@corp.example', no],
  ['a@evil.test\n@corp.example', no],
  [' a@corp.example', no],
  ['a@corp.example ', no],
  ['<a@corp.example>', no],
  ['a\u202e@corp.example', no],
  ['', no],
  [undefined, no],
  [['a@corp.example'], no],
])(
  'the result of the requirement of an e-mail address in the domain corp.example for the address %j is: %s',
  (email, expected) => {
    expect(outcome(corp, email)).toBe(expected)
  },
)

test.each([
  ['ann@other.example', 'met'],
  ['ANN@OTHER.EXAMPLE', 'met'],
  ['bob+x@other.example', 'met'],
  ['j\u00fcrgen@other.example', 'met'],
  ['J\u00dcRGEN@other.example', no],
  ['bob@other.example', no],
  ['# staff', no],
])('the result of the requirement of an e-mail address from a file for the address %j is: %s', (email, expected) => {
  expect(outcome(listed, email)).toBe(expected)
})

test.each([
  [true, 'met', 'met'],
  [false, no, no],
  ['true', no, no],
  [1, no, no],
  [null, no, no],
  [undefined, no, 'met'],
])(
  'for an e-mail address with email_verified %j, the result of the requirement is %s, and with verified: issuer it is %s',
  (verified, expected, relaxed) => {
    const claims = { email: 'a@corp.example', ...(verified !== undefined && { email_verified: verified }) }
    const of = (value: object) => outcomeOf(compiled(requirementTree.parse(value)), { claims })

    expect(of(corp)).toBe(expected)
    expect(of({ email: { ...corp.email, verified: 'issuer' } })).toBe(relaxed)
  },
)

describe('an e-mail requirement under `not` and `any`', () => {
  const outside = { not: corp }
  test.each([
    ['a@elsewhere.test', true, 'met'],
    ['a@corp.example', true, 'requirement-unmet'],
    ['a@elsewhere.test', false, 'requirement-unmet'],
    [undefined, true, 'requirement-unmet'],
    ['a@b@elsewhere.test', true, 'requirement-unmet'],
  ])(
    'if the e-mail address must not be in the domain, the result for the address %j with email_verified %s is: %s',
    (email, verified, expected) => {
      expect(outcome(outside, email, verified)).toBe(expected)
    },
  )

  test('meeting one of two e-mail requirements is enough under `any`, and also if one requirement has a domain and a file', () => {
    expect(outcome({ any: [corp, listed] }, 'ann@other.example')).toBe('met')
    expect(outcome({ email: { ...corp.email, ...listed.email } }, 'ann@other.example')).toBe('met')
    expect(outcome({ email: { ...corp.email, ...listed.email } }, 'eve@other.example')).toBe(no)
  })
})

test.each([
  [{}],
  [{ domain: [] }],
  [{ domain: ['@corp.example'] }],
  [{ domain: ['*.corp.example'] }],
  [{ domain: ['corp.example.'] }],
  [{ domain: ['b\u00fccher.example'] }],
  [{ domain: ['corp.example'], verified: true }],
  [{ addresses: ['a@corp.example'] }],
])('the policy parser rejects the e-mail requirement %j', (value) => {
  expect(requirementTree.safeParse({ email: value }).success).toBe(false)
})

test('verified: issuer in an e-mail requirement is listed among the security relaxations of the policy', () => {
  const snapshot = snapshotOf(
    'version: 1\nissuers: { main: { issuer: "https://main.test", audience: [a] } }\n' +
      'services: { s: { upstreams: ["http://s"], routes: [{ id: r, match: { path: / }, ' +
      'require: { email: { domain: [corp.example], verified: issuer } } }] } }',
  )

  expect(relaxationsOf(snapshot)).toContain('services.s.routes[r].require email.verified: issuer')
})

test('the gate follows changes of a file of e-mail addresses, and keeps the last valid list while the file is invalid', async () => {
  const changing = join(folder, 'changing')
  writeFileSync(changing, 'a@corp.example\n')
  const log: string[] = []
  const lists = new EmailLists((_, message, fields) =>
    log.push(`${message}: ${fields['problem'] ?? fields['addresses']}`),
  )
  const list = new EmailList(changing, ['require', 'email', 'addresses', 'file'])
  lists.prepare([list])()

  writeFileSync(changing, 'b@corp.example\nc@corp.example\n')
  await until('the new list', () => list.has('b@corp.example'))
  expect(list.has('a@corp.example')).toBe(false)

  writeFileSync(changing, 'no address\n')
  await until('the rejection', () => log.length === 2)
  expect(list.has('b@corp.example')).toBe(true)
  expect(log).toEqual([
    'list of e-mail addresses changed; the new list is in use: 2',
    `list of e-mail addresses rejected; the last valid list stays in use: line 1 of ${changing} is not an e-mail address such as user@corp.example`,
  ])
  lists.close()
})

test('a policy whose file of e-mail addresses is missing is rejected, and the error states the place, the file and what the file must contain', () => {
  const missing = new EmailList(join(folder, 'missing'), ['services', 's', 'routes', 0, 'require', 'email'])

  expect(() => new EmailLists(() => {}).prepare([missing])).toThrow(
    /services\.s\.routes\[0\]\.require\.email.*missing cannot be read \(ENOENT\); it must have one e-mail address per line/s,
  )
})
