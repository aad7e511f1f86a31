import { statSync } from 'node:fs'
import type { Expiry } from '../base/expiries.ts'
import type { SecretListing } from './open-secret.ts'
import type { KeyOrigin } from './settings-context.ts'

/**
 * A secret or key of a node or worker with its expiry, without its value. Names are in snake_case, because the admin
 * API sends this object.
 */
export interface InventoryEntry extends SecretListing {
  /** Time at which the secret expires, RFC 3339; `null` when the time is not known. */
  readonly expires_at: string | null
}

/** A secret, with the time at which it expires if the part of the gate that uses the secret knows this time. */
interface ListedSecret extends SecretListing {
  /**
   * Time at which the secret expires, ms since the Unix epoch. Default: the time that `expiries` has for the name of
   * the secret.
   */
  readonly expiresAtMs?: number | undefined
}

interface Inventoried {
  readonly secrets: readonly ListedSecret[]
  readonly keySources: readonly KeyOrigin[]
  readonly expiries: readonly Expiry[]
}

const uses = {
  assertion: 'identity assertions',
  encryption: 'data in Redis',
  audit: 'seals of the audit log',
  policy: 'policy revisions in Redis',
} as const
const startedAt = new Date().toISOString()

/** Lists the secrets and keys of a node or worker by name, without their values. */
export function secretInventory({ secrets, keySources, expiries }: Inventoried): InventoryEntry[] {
  const keys = keySources.map(({ kind, id, source }) => ({
    name: `keys.${kind}.${id}`,
    source,
    used_by: uses[kind],
    changed_at: changedAt(source),
    previous_valid: false,
    problem: null,
  }))
  const endOf = (name: string): string | null => {
    const found = expiries.find((each) => each.name === name || each.name === `${name}.secret`)
    return found === undefined ? null : new Date(found.expiresAtMs).toISOString()
  }
  const all = [...secrets, ...keys].map(({ expiresAtMs, ...each }: ListedSecret) => ({
    ...each,
    expires_at: expiresAtMs === undefined ? endOf(each.name) : new Date(expiresAtMs).toISOString(),
  }))
  return all.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function changedAt(source: string): string {
  if (!source.startsWith('file ')) return startedAt
  try {
    return statSync(source.slice('file '.length)).mtime.toISOString()
  } catch {
    return startedAt
  }
}
