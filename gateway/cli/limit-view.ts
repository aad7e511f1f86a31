import type { LimitPart, LimitRule } from '../base/limit-rule.ts'
import { claimName, identityOf, identityParts } from '../limits/identity.ts'
import type { Exchange } from '../pipeline/exchange.ts'
import { limitSubjectOf } from '../pipeline/limit-buckets.ts'
import { limitSubject } from '../pipeline/phases/limit-subject.ts'
import { bucketText } from './bucket-text.ts'

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
  /** Offline nothing is counted, and nobody knows how much is left. */
  readonly charged: false
}

/** @returns `null` where no route matched */
export function limitViews(x: Exchange, phases: readonly string[]): readonly LimitView[] | null {
  const { route } = x
  if (route === undefined) return null
  const { rules, shadows } = route.limits ?? { rules: [], shadows: [] }
  const who = phases.includes(limitSubject.name) ? limitSubjectOf(x, route) : undefined
  return [...rules, ...shadows].map(({ label, by, requests, windowMs, cost, mode, shadow }) => ({
    limit: label,
    by: by.map(partName),
    bucket: who === undefined ? null : identityParts(identityOf(by, who)),
    requests,
    window_ms: windowMs,
    cost,
    mode,
    shadow,
    charged: false,
  }))
}

function partName(part: LimitPart): string {
  return typeof part === 'object' ? claimName(part.claim) : part
}

export function limitLine({ limit, by, bucket, requests, window_ms, cost, mode, shadow }: LimitView): string {
  const counts = cost === 1 ? '' : `, counts as ${cost}`
  const triedOut = shadow ? ', only tried out' : ''
  const window = bucket === null ? 'not reached' : `window of ${bucketText(bucket)}: not charged`
  return `${limit}  ${requests} in ${window_ms / 1000} s by ${by.join(', ')}, ${mode}${counts}${triedOut}; ${window}`
}
