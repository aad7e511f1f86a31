/**
 * Effect of a change of the policy on the set of admitted requests. `wider`: the new policy may admit requests that the
 * old one did not admit. `narrower`: the new policy admits no such request, and may refuse more. `incomparable`: both
 * are possible. `none`: the same requests are admitted.
 */
export type Effect = 'none' | 'narrower' | 'wider' | 'incomparable'

/** Returns the combined effect of several changes of the policy. */
export function combined(effects: Iterable<Effect>): Effect {
  let result: Effect = 'none'
  for (const effect of effects) {
    if (effect === 'none' || effect === result) continue
    if (result !== 'none') return 'incomparable'
    result = effect
  }
  return result
}

/** Whether the new policy may admit a request that the old policy did not admit. */
export function widens(effect: Effect): boolean {
  return effect === 'wider' || effect === 'incomparable'
}

/** Returns the effect of changing a number of the policy, where a larger number admits more requests. */
export function moreAdmits(before: number, after: number): Effect {
  if (before === after) return 'none'
  return after > before ? 'wider' : 'narrower'
}

/** Returns the effect of changing a set of the policy, where each additional member admits more requests. */
export function membersAdmit<T>(before: ReadonlySet<T>, after: ReadonlySet<T>): Effect {
  return combined([isSubset(after, before) ? 'none' : 'wider', isSubset(before, after) ? 'none' : 'narrower'])
}

export function isSubset<T>(inner: ReadonlySet<T>, outer: ReadonlySet<T>): boolean {
  for (const member of inner) if (!outer.has(member)) return false
  return true
}
