import { expect, test } from 'vitest'
import { type Denial, denial } from '../../../gateway/base/denial.ts'
import { grpcCodeOf } from '../../../gateway/base/grpc-code.ts'
import { type Reason, reasons } from '../../../gateway/base/reasons.ts'
import { grpcAnswer, grpcRefusal } from '../../../gateway/http2/grpc-reply.ts'
import type { Refusal } from '../../../gateway/pipeline/exchange/refusal.ts'

// Denials of gRPC calls: HTTP status 200, and one head with the status of gRPC.

test.each([
  [401, 16],
  [403, 7],
  [404, 12],
  [405, 12],
  [415, 12],
  [421, 12],
  [501, 12],
  [413, 8],
  [414, 8],
  [429, 8],
  [431, 8],
  [400, 3],
  [411, 3],
  [502, 14],
  [503, 14],
  [408, 4],
  [504, 4],
])('a denial with the HTTP status %i has the gRPC status %i', (status, code) => {
  expect(grpcCodeOf(status)).toBe(code)
})

test('every reason that a gRPC client can get has a gRPC status', () => {
  // 499: the client has disconnected. 426: only a request with Upgrade, which HTTP/2 does not have. 505: HTTP/1.1 only.
  const unsent = [499, 426, 505]
  const unmapped = Object.entries(reasons).filter(
    ([, { status }]) => status >= 400 && !unsent.includes(status) && grpcCodeOf(status) === 2,
  )

  expect(unmapped).toEqual([])
})

function refusalOf(denied: Denial): Refusal {
  return { denial: denied, requestId: 'id-1', metadataUrl: '', page: undefined }
}

test('the grpc-message of a refusal is visible ASCII for every reason', () => {
  for (const reason of Object.keys(reasons) as Reason[]) {
    const { fields } = grpcRefusal(refusalOf(denial(reason)))
    expect(fields[fields.indexOf('grpc-message') + 1]).toMatch(/^[\x20-\x24\x26-\x7e]+$/)
  }
})

test('a gRPC call above a rate limit gets the time to wait in seconds and in milliseconds', () => {
  const list = grpcRefusal(refusalOf(denial('rate-limited', { fields: [['retry-after', '7']] })))

  expect(list.fields).toEqual(expect.arrayContaining(['retry-after', '7', 'grpc-retry-pushback-ms', '7000']))
})

test('a gRPC call that would be redirected to the login gets UNAUTHENTICATED', () => {
  const list = grpcAnswer(303, 'login-required', 'id-1')

  expect(list.fields).toEqual(expect.arrayContaining([':status', '200', 'grpc-status', '16']))
})
