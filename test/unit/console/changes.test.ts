import { expect, test } from 'vitest'
import { receiptRows } from '../../../gateway/console/text/receipt-rows.ts'
import {
  type RevocationForm,
  revocationBody,
  revocationCommand,
  revocationKind,
} from '../../../gateway/console/text/revocation-order.ts'
import { chosenSessions, sessionListQuery } from '../../../gateway/console/text/session-selection.ts'

const receipt = { position: '1000-2', acknowledged: [{ node: 'a', ms: 3 }], missing: ['b', 'c', 'd'] }

test('the console shows a node that had not acknowledged a revocation as applied once the node has read the event log up to the revocation', () => {
  const nodes = [
    { id: 'a', position: '1000-1' },
    { id: 'b', position: '1000-2' },
    { id: 'c', position: '1000-1' },
  ]
  expect(receiptRows(receipt, nodes)).toEqual([
    { node: 'a', state: 'acknowledged', ms: 3 },
    { node: 'b', state: 'applied' },
    { node: 'c', state: 'waiting' },
    { node: 'd', state: 'left' },
  ])
})

test.each([
  ['1001-0', 'applied'],
  ['1000-10', 'applied'],
  ['999-9', 'waiting'],
])(
  'for a revocation at position 1000-2, the console shows a node that has read the event log up to %s as %s',
  (position, state) => {
    expect(receiptRows({ ...receipt, acknowledged: [], missing: ['b'] }, [{ id: 'b', position }])[0]!.state).toBe(state)
  },
)

test('the console shows nodes that have not acknowledged a revocation as waiting while their event log positions are unknown', () => {
  expect(receiptRows(receipt, undefined).map(({ state }) => state)).toEqual([
    'acknowledged',
    'waiting',
    'waiting',
    'waiting',
  ])
})

const form: RevocationForm = { kind: 'subject', id: 'alice', token: '', issuer: '', before: '' }

test('the console sends only the members of the chosen revocation kind to the admin API', () => {
  const stray = { ...form, token: 't', issuer: 'main', before: '2030-01-31T12:00:00Z' }
  expect(revocationBody(form)).toEqual({ kind: 'subject', id: 'alice' })
  expect(revocationBody(stray, 'left')).toEqual({ kind: 'subject', id: 'alice', issuer: 'main', reason: 'left' })
  expect(revocationBody({ ...stray, kind: 'token' })).toEqual({ kind: 'token', token: 't', issuer: 'main' })
  expect(revocationBody({ ...stray, kind: 'issuer' })).toEqual({
    kind: 'issuer',
    issuer: 'main',
    before: '2030-01-31T12:00:00Z',
  })
})

test.each([
  { ...form, id: '' },
  { ...form, kind: 'token' as const },
  { ...form, kind: 'issuer' as const, issuer: 'main' },
  { ...form, kind: 'issuer' as const, before: '2030-01-31T12:00:00Z' },
])('the console sends no revocation for the incomplete form %j', (incomplete) => {
  expect(revocationBody(incomplete)).toBeUndefined()
})

test('the CLI command that the console shows for a revocation reads a token from standard input and quotes other values', () => {
  expect(revocationCommand({ ...form, id: "a'b" })).toBe(`gatehouse revoke --subject 'a'\\''b'`)
  expect(revocationCommand({ ...form, kind: 'token', issuer: 'main' })).toBe('gatehouse revoke --token - --issuer main')
  expect(revocationCommand({ ...form, kind: 'issuer', issuer: 'main', before: '2030' })).toBe(
    'gatehouse revoke --issuer main --before 2030',
  )
})

test('the console opens the form for a subject if the page address names an unknown kind of revocation', () => {
  expect(revocationKind('everything')).toBe('subject')
  expect(revocationKind('jti')).toBe('jti')
})

test.each([
  ['', undefined],
  ['issuer=main', undefined],
  ['subject=alice&issuer=main', { subject: 'alice', issuer: 'main' }],
  ['device=d&issuer=main', { device: 'd' }],
  ['subject=alice&device=d', undefined],
])(
  'with the filters "%s" of the session list, the console offers to end these sessions together: %j (undefined: none)',
  (query, chosen) => {
    expect(chosenSessions(new URLSearchParams(query))).toEqual(chosen)
  },
)

test('the console requests further pages of the session list only if no session, device or subject is selected', () => {
  expect(sessionListQuery(new URLSearchParams('issuer=main&after=x'))).toEqual({ issuer: 'main', after: 'x' })
  expect(sessionListQuery(new URLSearchParams('subject=alice&after=x'))).toEqual({ subject: 'alice' })
})
