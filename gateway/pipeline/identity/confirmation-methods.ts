import type { Denial } from '../../base/denial.ts'
import type { Reason } from '../../base/reasons.ts'
import type { Confirmation } from '../../oauth/confirmation.ts'
import type { Unrevoked } from '../exchange/exchange.ts'
import { certificateMethod } from './certificate-method.ts'

/** One method by which a caller proves possession of the key of a bound token (RFC 7800 §3). */
export interface ConfirmationMethod<R extends Reason = Reason> {
  /** Member of the confirmation that the method checks. */
  readonly member: keyof Confirmation
  /** Reasons of the denials that `prove` returns. */
  readonly reasons: readonly R[]
  /**
   * Checks the proof of the caller. Pure and synchronous: it must neither call Redis nor an issuer.
   *
   * @param expected  value of the member in the confirmation of the token
   */
  prove(x: Unrevoked, expected: string): Denial<R> | undefined
}

/** All methods, in the order in which they are checked. A member without a method makes its tokens unusable. */
const confirmationMethods = [certificateMethod] as const satisfies readonly ConfirmationMethod[]

type ConfirmationReason = 'token-binding' | (typeof confirmationMethods)[number]['reasons'][number]

/** Reasons of the denials that `confirmationVerdict` returns. */
export const confirmationReasons: readonly ConfirmationReason[] = [
  ...new Set<ConfirmationReason>(['token-binding', ...confirmationMethods.flatMap(({ reasons }) => reasons)]),
]

/**
 * Checks every member of the token's confirmation. A token without a confirmation needs no proof. A member for which
 * the gate has no method makes the token unusable (RFC 7800 §3.1).
 */
export function confirmationVerdict(x: Unrevoked): Denial<ConfirmationReason> | undefined {
  const confirmation = x.facts?.confirmation
  if (confirmation === undefined) return undefined
  return memberVerdict(x, 'jkt', confirmation.jkt) ?? memberVerdict(x, 'x5tS256', confirmation.x5tS256)
}

function memberVerdict(
  x: Unrevoked,
  member: keyof Confirmation,
  expected: string | undefined,
): Denial<ConfirmationReason> | undefined {
  if (expected === undefined) return undefined
  const methods: readonly ConfirmationMethod<ConfirmationReason>[] = confirmationMethods
  const method = methods.find((each) => each.member === member)
  return method === undefined ? x.route.denials.token['token-binding'] : method.prove(x, expected)
}
