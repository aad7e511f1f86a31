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

test('a receipt shows a late node as applied once its position is not before the order', () => {
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
])('a receipt at 1000-2 shows a late node at %s as %s', (position, state) => {
  expect(receiptRows({ ...receipt, acknowledged: [], missing: ['b'] }, [{ id: 'b', position }])[0]!.state).toBe(state)
})

test('a receipt shows a late node as waiting while the positions of the nodes are unknown', () => {
  expect(receiptRows(receipt, undefined).map(({ state }) => state)).toEqual([
    'acknowledged',
    'waiting',
    'waiting',
    'waiting',
  ])
})

const form: RevocationForm = { kind: 'subject', id: 'alice', token: '', issuer: '', before: '' }

test('a form of a revocation becomes a body with the members of its kind only', () => {
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
])('the form %j has no body, because a value is missing', (incomplete) => {
  expect(revocationBody(incomplete)).toBeUndefined()
})

test('the command of a revocation reads a token from standard input and quotes other values', () => {
  expect(revocationCommand({ ...form, id: "a'b" })).toBe(`gatehouse revoke --subject 'a'\\''b'`)
  expect(revocationCommand({ ...form, kind: 'token', issuer: 'main' })).toBe('gatehouse revoke --token - --issuer main')
  expect(revocationCommand({ ...form, kind: 'issuer', issuer: 'main', before: '2030' })).toBe(
    'gatehouse revoke --issuer main --before 2030',
  )
})

test('an unknown kind in the address of a revocation becomes a revocation of a subject', () => {
  expect(revocationKind('everything')).toBe('subject')
  expect(revocationKind('jti')).toBe('jti')
})

test.each([
  ['', undefined],
  ['issuer=main', undefined],
  ['subject=alice&issuer=main', { subject: 'alice', issuer: 'main' }],
  ['device=d&issuer=main', { device: 'd' }],
  ['subject=alice&device=d', undefined],
])('the filters %s select %j to end together', (query, chosen) => {
  expect(chosenSessions(new URLSearchParams(query))).toEqual(chosen)
})

test('the list of sessions has pages only without a selected session, device or subject', () => {
  expect(sessionListQuery(new URLSearchParams('issuer=main&after=x'))).toEqual({ issuer: 'main', after: 'x' })
  expect(sessionListQuery(new URLSearchParams('subject=alice&after=x'))).toEqual({ subject: 'alice' })
})
