import { type Denial, denial } from '../../base/denial.ts'
import { dpopChallenge } from '../../oauth/challenge.ts'
import type { Confirmation } from '../../oauth/confirmation.ts'
import type { Unrevoked } from '../exchange/exchange.ts'
import { certificateMethod } from './certificate-method.ts'
import type { ConfirmationMethod } from './confirmation-method.ts'
import { dpopMethod } from './dpop-method.ts'

/**
 * All methods by which a caller can prove possession of a key, in the order in which they are checked. A token whose
 * claim `cnf` has a member without a method is unusable.
 */
const confirmationMethods = [dpopMethod, certificateMethod] as const satisfies readonly ConfirmationMethod[]

type ConfirmationReason =
  | 'token-binding'
  | 'binding-missing'
  | 'binding-forwarded'
  | (typeof confirmationMethods)[number]['reasons'][number]

/** Reasons of the denials that `confirmationVerdict` returns. */
export const confirmationReasons: readonly ConfirmationReason[] = [
  ...new Set<ConfirmationReason>([
    'token-binding',
    'binding-missing',
    'binding-forwarded',
    ...confirmationMethods.flatMap(({ reasons }): readonly ConfirmationReason[] => reasons),
  ]),
]

const unbound = denial('binding-missing', { challenge: dpopChallenge({ error: 'invalid_token' }) })
const forwarded = denial('binding-forwarded')

/**
 * Checks every member of the token's confirmation. A token without a confirmation needs no proof. A member for which
 * the gate has no method makes the token unusable (RFC 7800 §3.1).
 *
 * A bound token is refused where the service receives the token of the client, because the service cannot prove
 * possession of the key. The scheme DPoP needs a token that is bound to the key of the proof (RFC 9449 §7.1).
 */
export function confirmationVerdict(x: Unrevoked): Denial<ConfirmationReason> | undefined {
  const confirmation = x.facts?.confirmation
  if (x.scheme === 'dpop' && confirmation?.jkt === undefined) return unbound
  if (confirmation === undefined) return undefined
  if (x.route.credential.type === 'token') return forwarded
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
