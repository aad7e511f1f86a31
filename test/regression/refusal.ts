import { expect } from 'vitest'
import type { RawReply } from '../kit/raw-reply.ts'
import type { Attack } from './gate-under-attack.ts'

export interface Refusal {
  readonly status?: number
  readonly code?: string
  /** Reason of the refusal in the access log. */
  readonly reason: string
  /**
   * Whether uWebSockets.js may close the connection before the reply of the gate, with or without its own page. This
   * happens when more bytes follow in the same packet, or when uWebSockets.js rejects the request after the handler has
   * returned.
   */
  readonly more?: boolean
  /**
   * Whether official builds of uWebSockets.js from August 2026 reject the request before any code of Gatehouse runs.
   */
  readonly orByListener?: boolean
  /** Whether the problem document has `detail`. */
  readonly hasDetail?: boolean
}

/**
 * Expects that the gate rejected a request: the exact reply, a closed connection, no request at any service, and one
 * log record with the reason.
 */
export function expectRefused(attack: Attack, refusal: Refusal): void {
  const { status = 400, code = 'bad_request', reason, more = false, orByListener = false, hasDetail = false } = refusal
  if (orByListener && attack.records.length === 0) {
    expectStoppedByListener(attack, [400])
    return
  }
  expectNothingThrough(attack)
  expect(attack.records).toMatchObject([{ decision: 'refused', reason, status }])
  expect(attack.ending).not.toBe('open')
  const [reply] = attack.replies
  if (more && (reply === undefined || isListenersPage(reply))) return

  expect(attack.replies).toHaveLength(1)
  expect(reply!.status).toBe(status)
  expect(reply!.json()).toMatchObject({ status, code, instance: attack.records[0]!['id'] })
  expect(Object.keys(reply!.json() as object)).toEqual([
    ...['type', 'title', 'status', 'code'],
    ...(hasDetail ? ['detail'] : []),
    'instance',
  ])
  expect(reply!.field('content-type')).toBe('application/problem+json')
  expect(reply!.field('cache-control')).toBe('no-store')
  expect(reply!.field('connection')).toBe('close')
  expect(reply!.field('www-authenticate')).toBeUndefined()
  expect(reply!.field('uwebsockets')).toBeUndefined()
}

/** Expects that uWebSockets.js rejected the request with its own page and that the gate did not see the request. */
export function expectStoppedByListener(attack: Attack, statuses: readonly number[]): void {
  expectNothingThrough(attack)
  expect(attack.records).toEqual([])
  expect(attack.ending).not.toBe('open')
  expect(attack.replies).toHaveLength(1)
  const [reply] = attack.replies
  expect(statuses).toContain(reply!.status)
  expect(isListenersPage(reply!)).toBe(true)
}

function isListenersPage({ status, text }: RawReply): boolean {
  return [400, 431, 505].includes(status) && text.includes('uWebSockets')
}

/** Expects that no service received a request. */
export function expectNothingThrough(attack: Pick<Attack, 'requests' | 'recorded'>): void {
  expect(attack.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([])
  expect(attack.recorded.map(({ head }) => head)).toEqual([])
}
