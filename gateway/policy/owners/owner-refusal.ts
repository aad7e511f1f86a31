import type { OwnerGrant } from '../../config/owner-settings.ts'

/** A part of a change that the owner of a service is not allowed to make. */
export interface OwnerRefusal {
  /**
   * Place of the refused part in the policy. Routes are named by their ids:
   * `services.orders.routes[orders.read].match`.
   */
  readonly place: string
  readonly what: string
  readonly remedy: string
}

/** Remedy for a change that only a caller with the scope gatehouse:policy may make. */
export const fullScopeRemedy = 'let a caller with the scope gatehouse:policy make this change'

/** Remedy for a value that is not granted: the granted values, and the setting that grants them. */
export function grantRemedy(service: string, key: keyof OwnerGrant, granted: readonly string[]): string {
  const setting = `policy.owners.${service}.${key}`
  if (granted.length === 0) return `add it to ${setting} in the settings of every node`
  return `use what ${setting} grants (${granted.join(', ')}), or add it there`
}
