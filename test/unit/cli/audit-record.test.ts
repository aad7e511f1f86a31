import { expect, test } from 'vitest'
import { recordText } from '../../../gateway/cli/audit-record.ts'

test('the CLI prints the audit record of a revocation with its target and its author', () => {
  const record = {
    time: '2026-01-01T00:00:00.000Z',
    kind: 'revocation',
    'user.id': 'olga',
    'gatehouse.decision': 'admitted',
    'http.response.status_code': 200,
    'gatehouse.revocation.kind': 'subject',
    'gatehouse.revocation.target': 'alice x',
  }

  expect(recordText(record)).toBe(
    '2026-01-01T00:00:00.000Z admitted 200 revocation subject=olga revoked=subject:alice\\x20x',
  )
})

test('the CLI prints an aggregated audit record with the number of refused requests', () => {
  const record = {
    time: '2026-01-01T00:00:00.000Z',
    kind: 'refusals',
    'client.address': '2001:db8::/64',
    'gatehouse.request.id': 'r1',
    'gatehouse.decision': 'refused',
    'gatehouse.reason': 'route-unknown',
    'gatehouse.refusals': 812,
  }

  expect(recordText(record)).toBe(
    '2026-01-01T00:00:00.000Z refused - refusals reason=route-unknown refusals=812 address=2001:db8::/64 request=r1',
  )
})
