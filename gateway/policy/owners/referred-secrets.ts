import { isDeepStrictEqual } from 'node:util'
import type { ServiceEntry } from '../services/service-entry.ts'

/** A reference to a secret or to a file in a service. */
export interface ReferredSecret {
  /**
   * Place of the reference in the entry of the service, such as `credentials.secret` or
   * `routes[read].credentials.secret`.
   */
  readonly place: string
  readonly kind: 'env' | 'file' | 'directory'
  readonly value: string
  /** The whole policy entry that contains the reference, which shows for what the gate uses the secret. */
  readonly use: unknown
}

/** Policy keys whose value is a file path as plain text, not an object with `file`. */
const fileKeys = new Set(['ca', 'certificate'])
const kinds = ['env', 'file', 'directory'] as const

/** Lists the secrets and files that a service refers to: in its own entries, and in those of its routes. */
export function referredSecrets(service: ServiceEntry): ReferredSecret[] {
  const found: ReferredSecret[] = []
  const { routes, ...own } = service
  const all = [own, ...routes.map(({ match: _, require: __, shadow: ___, ...route }) => route)]
  for (const [i, entries] of all.entries()) {
    const prefix = i === 0 ? '' : `routes[${routes[i - 1]!.id}].`
    for (const [key, use] of Object.entries(entries)) collect(use, `${prefix}${key}`, use, found)
  }
  for (const { id, require, shadow } of routes) {
    collectLists(require, `routes[${id}].require`, found)
    collectLists(shadow?.require, `routes[${id}].shadow.require`, found)
  }
  return found
}

/**
 * Finds the files with e-mail addresses that a requirement names. Other texts do not count, because names and values of
 * claims and headers are not file paths.
 */
function collectLists(tree: unknown, place: string, found: ReferredSecret[]): void {
  if (typeof tree !== 'object' || tree === null) return
  for (const [key, inner] of Object.entries(tree)) {
    const isList = key === 'addresses' && typeof inner === 'object' && typeof inner?.file === 'string'
    if (isList) found.push({ place, kind: 'file', value: inner.file, use: inner })
    else collectLists(inner, place, found)
  }
}

function collect(value: unknown, place: string, use: unknown, found: ReferredSecret[]): void {
  if (typeof value !== 'object' || value === null) return
  if (value instanceof URL) return
  for (const [key, inner] of Object.entries(value)) {
    const at = `${place}.${key}`
    if (typeof inner !== 'string') collect(inner, at, use, found)
    else if (fileKeys.has(key)) found.push({ place: at, kind: 'file', value: inner, use })
    else {
      const kind = kinds.find((each) => each === key)
      if (kind !== undefined) found.push({ place, kind, value: inner, use })
    }
  }
}

/** Whether the service already used the secret before the change, in an entry that has not changed. */
export function isUsedAsBefore(secret: ReferredSecret, before: readonly ReferredSecret[]): boolean {
  return before.some(({ place, use }) => place === secret.place && isDeepStrictEqual(use, secret.use))
}
