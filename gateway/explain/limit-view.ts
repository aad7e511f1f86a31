import type { LimitPart, LimitRule } from '../base/limit-rule.ts'
import { claimName, identityOf, identityParts } from '../limits/identity.ts'
import type { WindowCount } from '../limits/permit-store.ts'
import type { Exchange } from '../pipeline/exchange.ts'
import { limitSubjectOf } from '../pipeline/limit-buckets.ts'
import { limitSubject } from '../pipeline/phases/limit-subject.ts'

/** A limit that counts on the route. In snake_case, as `limits list` has it. */
export interface LimitView {
  readonly limit: string
  readonly by: readonly string[]
  /** The window that the request would be counted in; `null` when it did not get so far. */
  readonly bucket: Readonly<Record<string, unknown>> | null
  readonly requests: number
  readonly window_ms: number
  readonly cost: number
  readonly mode: LimitRule['mode']
  /** Counted and recorded, and never enforced. */
  readonly shadow: boolean
  /** The request is only thought of. */
  readonly charged: false
  /** In the whole cluster: requests that were admitted, and permits that nodes hold. `null` where nobody can say. */
  readonly used: number | null
  readonly held: number | null
}

/** What is counted in a window; `undefined`: nobody can say. */
export type CountWindow = (rule: LimitRule, identity: string) => Promise<WindowCount | undefined>

/** @returns `null` where no route matched */
export async function limitViews(
  x: Exchange,
  phases: readonly string[],
  count: CountWindow,
): Promise<readonly LimitView[] | null> {
  const { route } = x
  if (route === undefined) return null
  const { rules, shadows } = route.limits ?? { rules: [], shadows: [] }
  const who = phases.includes(limitSubject.name) ? limitSubjectOf(x, route) : undefined
  const view = async (rule: LimitRule): Promise<LimitView> => {
    const { label, by, requests, windowMs, cost, mode, shadow } = rule
    const identity = who && identityOf(by, who)
    const counted = identity === undefined ? undefined : await count(rule, identity)
    return {
      limit: label,
      by: by.map(partName),
      bucket: identity === undefined ? null : identityParts(identity),
      requests,
      window_ms: windowMs,
      cost,
      mode,
      shadow,
      charged: false,
      used: counted?.used ?? null,
      held: counted?.held ?? null,
    }
  }
  return Promise.all([...rules, ...shadows].map(view))
}

function partName(part: LimitPart): string {
  return typeof part === 'object' ? claimName(part.claim) : part
}
