import { addresses } from './addresses.ts'
import { all } from './all.ts'
import { any } from './any.ts'
import { authentication } from './authentication.ts'
import { certificate } from './certificate.ts'
import { claims } from './claims.ts'
import { clients } from './clients.ts'
import { dpop } from './dpop.ts'
import { email } from './email.ts'
import { headers } from './headers.ts'
import { not } from './not.ts'
import type { RequirementKind, RequirementTree } from './requirement-kind.ts'
import { roles } from './roles.ts'
import { scopes } from './scopes.ts'
import { session } from './session.ts'
import { time } from './time.ts'

/** All kinds of requirements, in the order in which the reference lists them. */
export const requirementKinds = [
  all,
  any,
  not,
  scopes,
  roles,
  claims,
  email,
  clients,
  certificate,
  headers,
  addresses,
  time,
  session,
  authentication,
  dpop,
] as const satisfies readonly RequirementKind[]

export type RequirementReason = (typeof requirementKinds)[number]['reasons'][number]

/** Reasons of all denials that requirements return, without duplicates. */
export const requirementReasons: readonly RequirementReason[] = [
  ...new Set(requirementKinds.flatMap(({ reasons }): readonly RequirementReason[] => reasons)),
]

const byKey = new Map(requirementKinds.flatMap((kind) => kind.keys.map((key) => [key, kind] as const)))

/** Returns the requirement kinds whose keys are set in `tree`. A valid requirement has keys of exactly one kind. */
export function kindsIn(tree: RequirementTree): readonly RequirementKind[] {
  const kinds = Object.keys(tree).flatMap((key) => (tree[key] === undefined ? [] : (byKey.get(key) ?? [])))
  return [...new Set(kinds)]
}
