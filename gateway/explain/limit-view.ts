import type { LimitPart, LimitRule } from '../base/limit-rule.ts'
import type { MessageLimit } from '../base/message-limit.ts'
import { claimName, identityOf, identityParts } from '../limits/identity.ts'
import type { WindowCount } from '../limits/permit-store.ts'
import type { Exchange } from '../pipeline/exchange/exchange.ts'
import { limitSubject } from '../pipeline/phases/limit-subject.ts'
import { limitSubjectOf } from '../pipeline/rate-limits/limit-buckets.ts'

/** A limit of the route in an explanation. Members are in snake_case, as in the output of `gatehouse limits list`. */
export interface LimitView {
  readonly limit: string
  readonly by: readonly string[]
  /**
   * Values that identify the limit's window, such as the subject; `null` when the request did not reach the limit
   * phase.
   */
  readonly bucket: Readonly<Record<string, unknown>> | null
  /** Maximum number of requests in the window; `null` for a limit that counts messages of WebSockets. */
  readonly requests: number | null
  /**
   * Maximum number of messages that the clients of one subject may send in the window, over all its WebSockets at one
   * node; `null` for a limit that counts requests.
   */
  readonly messages: number | null
  readonly window_ms: number
  readonly cost: number
  /** How nodes count requests under the limit. `node`: each node counts alone, for limits of WebSocket messages. */
  readonly mode: LimitRule['mode'] | 'node'
  /** True when requests are counted and recorded under the limit, but never refused. */
  readonly shadow: boolean
  /** Whether the request was charged: always false, because a dry run charges no limit. */
  readonly charged: false
  /**
   * Cluster-wide number of admitted requests in the window of the limit; `null` when unknown. `held`: number of permits
   * that nodes have leased in advance.
   */
  readonly used: number | null
  readonly held: number | null
}

/** Reads the cluster-wide count in the window of a limit; `undefined` when the count is unknown. */
export type CountWindow = (rule: LimitRule, identity: string) => Promise<WindowCount | undefined>

/**
 * Lists the limits and shadow limits of the route that the request matched. Limits of WebSocket messages are last.
 *
 * @returns `null` when no route matched
 */
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
      messages: null,
      window_ms: windowMs,
      cost,
      mode,
      shadow,
      charged: false,
      used: counted?.used ?? null,
      held: counted?.held ?? null,
    }
  }
  const views = await Promise.all([...rules, ...shadows].map(view))
  return [...views, ...(route.websocket?.messageLimits ?? []).map(messageLimitView)]
}

/**
 * Describes a limit of WebSocket messages. It has no window and no count here, because the dry run of a request sends
 * no message.
 */
function messageLimitView({ label, messages, windowMs }: MessageLimit): LimitView {
  return {
    limit: label,
    by: ['subject'],
    bucket: null,
    requests: null,
    messages,
    window_ms: windowMs,
    cost: 1,
    mode: 'node',
    shadow: false,
    charged: false,
    used: null,
    held: null,
  }
}

function partName(part: LimitPart): string {
  return typeof part === 'object' ? claimName(part.claim) : part
}
