import { expect } from 'vitest'
import type { RawReply } from '../kit/raw-reply.ts'
import type { Attack } from './gate-under-attack.ts'

export interface Refusal {
  readonly status?: number
  readonly code?: string
  /** In the access log. */
  readonly reason: string
  /**
   * uWebSockets.js may end the connection before our reply, without a word or with a page of its own: more bytes follow
   * in the same packet, or it objects itself once our handler has returned.
   */
  readonly more?: boolean
  /** Author's builds of uWebSockets.js from August 2026 refuse it by themselves, before any of our code runs. */
  readonly orByListener?: boolean
}

/**
 * The gate refused: said so without a word too much, closed the connection, told no service, and wrote down why.
 */
export function expectRefused(attack: Attack, refusal: Refusal): void {
  const { status = 400, code = 'bad_request', reason, more = false, orByListener = false } = refusal
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
  expect(Object.keys(reply!.json() as object)).toEqual(['type', 'title', 'status', 'code', 'instance'])
  expect(reply!.field('content-type')).toBe('application/problem+json')
  expect(reply!.field('cache-control')).toBe('no-store')
  expect(reply!.field('connection')).toBe('close')
  expect(reply!.field('www-authenticate')).toBeUndefined()
  expect(reply!.field('uwebsockets')).toBeUndefined()
}

/** uWebSockets.js refused by itself, with one of its own pages or without a word: the gate never heard of it. */
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

/** No service saw anything of it. */
export function expectNothingThrough(attack: Pick<Attack, 'requests' | 'recorded'>): void {
  expect(attack.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([])
  expect(attack.recorded.map(({ head }) => head)).toEqual([])
}
