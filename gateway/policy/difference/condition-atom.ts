import { holdsBlock, parseBlock } from '../../base/address-blocks.ts'
import { isSubset } from './effect.ts'

/**
 * One condition that cannot be divided, in a form in which conditions can be compared:
 *
 * - `member`: the request's value for `key`, or one of its values, is in `values`. A condition of an unknown kind is a
 * `member` whose only value is its own text.
 * - `most`: the request's value for `key` is at most `most`.
 * - `addresses`: the client address is within `allow`, if set, and not within `deny`.
 *
 * A condition can be unclear for a request, for example with a repeated header field. An unclear condition admits
 * nothing, neither by itself nor under `not`. So `not` is compared only with `not`.
 */
export type ConditionAtom =
  | { readonly kind: 'member'; readonly key: string; readonly values: ReadonlySet<string> }
  | { readonly kind: 'most'; readonly key: string; readonly most: number }
  | { readonly kind: 'addresses'; readonly key: 'addresses'; readonly lists: AddressBounds }

interface AddressBounds {
  readonly allow?: readonly string[] | undefined
  readonly deny?: readonly string[] | undefined
}

/** Whether each request that meets `narrow` also meets `wide`. False if this cannot be proven. */
export function isWithin(narrow: ConditionAtom, wide: ConditionAtom): boolean {
  if (narrow.key !== wide.key) return false
  if (narrow.kind === 'member' && wide.kind === 'member') return isSubset(narrow.values, wide.values)
  if (narrow.kind === 'most' && wide.kind === 'most') return narrow.most <= wide.most
  return narrow.kind === 'addresses' && wide.kind === 'addresses' && areWithin(narrow.lists, wide.lists)
}

const everyBlock = ['0.0.0.0/0', '::/0']

/**
 * Whether the address lists `narrow` admit only addresses that `wide` admits too. Compares single blocks: two blocks
 * that contain a third block only together do not count.
 */
export function areWithin(narrow: AddressBounds, wide: AddressBounds): boolean {
  const { allow = everyBlock, deny = [] } = narrow
  const allowed = allow.every((block) => (wide.allow ?? everyBlock).some((outer) => isBlockWithin(block, outer)))
  return allowed && (wide.deny ?? []).every((block) => deny.some((outer) => isBlockWithin(block, outer)))
}

function isBlockWithin(inner: string, outer: string): boolean {
  return holdsBlock(parseBlock(outer)!, parseBlock(inner)!)
}

/**
 * Joins the conditions of kind `member` that have the same key into one condition with all their values. The joined
 * condition is met if one of the conditions is met.
 */
export function unitedAtoms(atoms: readonly ConditionAtom[]): readonly ConditionAtom[] {
  const united = new Map<string, ReadonlySet<string>>()
  const others: ConditionAtom[] = []
  for (const atom of atoms) {
    if (atom.kind !== 'member') others.push(atom)
    else united.set(atom.key, new Set([...atom.values, ...(united.get(atom.key) ?? [])]))
  }
  return [...others, ...[...united].map(([key, values]) => ({ kind: 'member', key, values }) as const)]
}
