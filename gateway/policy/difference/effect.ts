/**
 * Effect of a change on the set of requests that are admitted. `wider`: some requests may be admitted that were not
 * before. `narrower`: no such request. `incomparable`: neither is known. `none`: the same requests are admitted.
 */
export type Effect = 'none' | 'narrower' | 'wider' | 'incomparable'

/** Effect of several changes together. */
export function combined(effects: Iterable<Effect>): Effect {
  let result: Effect = 'none'
  for (const effect of effects) {
    if (effect === 'none' || effect === result) continue
    if (result !== 'none') return 'incomparable'
    result = effect
  }
  return result
}

/** Whether some request may be admitted that was not before. */
export function widens(effect: Effect): boolean {
  return effect === 'wider' || effect === 'incomparable'
}

/** Effect of a change of a number of which a larger value admits more. */
export function moreAdmits(before: number, after: number): Effect {
  if (before === after) return 'none'
  return after > before ? 'wider' : 'narrower'
}

/** Effect of a change of a set of which each member admits more. */
export function membersAdmit<T>(before: ReadonlySet<T>, after: ReadonlySet<T>): Effect {
  return combined([isSubset(after, before) ? 'none' : 'wider', isSubset(before, after) ? 'none' : 'narrower'])
}

export function isSubset<T>(inner: ReadonlySet<T>, outer: ReadonlySet<T>): boolean {
  for (const member of inner) if (!outer.has(member)) return false
  return true
}
