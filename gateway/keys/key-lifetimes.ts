import type { KeyKind } from '../config/key-kinds.ts'
import type { KeyRings } from '../config/key-rings.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'

const MINUTE_MS = 60_000

/** Inputs that decide how long data stay in use that a key wrote (signed or encrypted). */
export interface LifetimeInputs {
  /** Issuers of the policy in force. */
  readonly issuers: () => Iterable<IssuerRules>
  /** Time for which the audit log keeps records in Redis, ms. */
  readonly auditRecentMs: number
}

/**
 * Returns the longest time for which data that a key wrote are in use, ms.
 *
 * - assertion: an identity assertion is valid for 60 s; the rest is the tolerance of the clocks of services;
 * - encryption: the longest login session, the longest use of an introspection response, and at least one hour for
 *   logins in progress and other short-lived data;
 * - audit: the records that Redis keeps, which `gatehouse audit verify` verifies;
 * - policy: the time in which a revision that the key signed is written to Redis.
 *
 * @param sessionsLeftMs  time after the last use of the key until the end of the last login session, ms, if it is known
 */
export function lifetimeMs(
  kind: KeyKind,
  { issuers, auditRecentMs }: LifetimeInputs,
  sessionsLeftMs = Number.POSITIVE_INFINITY,
): number {
  if (kind === 'assertion') return 2 * MINUTE_MS
  if (kind === 'audit') return auditRecentMs
  if (kind === 'policy') return MINUTE_MS
  let longestMs = 60 * MINUTE_MS
  for (const { login, introspection } of issuers()) {
    if (login !== undefined) longestMs = Math.max(longestMs, Math.min(login.lifetime.absoluteMs, sessionsLeftMs))
    if (introspection !== undefined) longestMs = Math.max(longestMs, introspection.cacheMs + introspection.keepStaleMs)
  }
  return longestMs
}

/**
 * Returns a function that tells until when data that this process wrote with a key are in use, ms since the epoch; 0 for
 * a key with which the process did not write.
 */
export function localUse(keyRings: KeyRings, inputs: LifetimeInputs): (kind: KeyKind, id: string) => number {
  return (kind, id) => {
    const wroteMs = keyRings.of(kind).wroteMs(id)
    return wroteMs === undefined ? 0 : wroteMs + lifetimeMs(kind, inputs)
  }
}
