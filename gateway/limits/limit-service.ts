import type { LimitRule } from '../base/limit-rule.ts'
import type { Bucket } from './bucket.ts'
import { claimName, identityOf, identityParts, type LimitSubject } from './identity.ts'
import type { Limiter } from './limiter.ts'
import type { PermitStore, WindowCount } from './permit-store.ts'

/** One rate limit window in the format of the admin API. Members are therefore in snake_case. */
export interface WindowListing {
  readonly limit: string
  /**
   * Identity whose requests the window counts: names and values. For parts that an issuer assigns, the issuer is
   * included.
   */
  readonly bucket: Readonly<Record<string, unknown>>
  readonly requests: number
  readonly window_ms: number
  readonly mode: LimitRule['mode']
  /**
   * Number of requests in the whole cluster that the window counts, including leased permits. `null` while Redis is
   * unavailable.
   */
  readonly used: number | null
  /** Number of leased permits that nodes can still spend. `null` while Redis is unavailable. */
  readonly held: number | null
}

/** The window of a limit as an operator names it. Parts by which the limit does not count must be omitted. */
export interface WindowName {
  readonly limit: string
  /** The issuer identifier (`iss`) of the window's subject, client or session. */
  readonly issuer?: string
  readonly subject?: string
  readonly client?: string
  readonly session?: string
  readonly route?: string
  /** Client address, 4 or 16 bytes. An IPv4-mapped address must have 4 bytes. */
  readonly address?: Uint8Array
  /** Claim values by path. A path is its names joined by dots, or a JSON list of names if a name contains a dot. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/**
 * Error of an operator's call: the parts that the operator named do not identify exactly one window. The message is for
 * the operator.
 */
export class LimitRefused extends Error {
  override readonly name = 'LimitRefused'
  readonly code: 'limit_unknown' | 'bucket_incomplete' | 'bucket_surplus'

  constructor(code: LimitRefused['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Maximum number of rate limit windows that `list` returns. */
export const LIST_MAX = 200

/**
 * Operations of operators on rate limit windows: list the windows in use, read the counts of a window, reset a window.
 */
export class LimitService {
  readonly #limiter: Limiter
  readonly #store: PermitStore | undefined
  readonly #rules: () => Iterable<LimitRule>

  /** @param rules  returns the limits of the current policy */
  constructor(limiter: Limiter, store: PermitStore | undefined, rules: () => Iterable<LimitRule>) {
    this.#limiter = limiter
    this.#store = store
    this.#rules = rules
  }

  /**
   * Lists the rate limit windows that this node used most recently, at most 200, with the counts of the whole cluster.
   * The fullest window comes first. Each node lists only its own windows; `LimitSummaries` has those of all nodes.
   *
   * @throws {LimitRefused} when the policy has no limit with this label
   */
  async list(limit?: string): Promise<WindowListing[]> {
    if (limit !== undefined) this.rule(limit)
    const buckets: Bucket[] = []
    for (const bucket of this.#limiter.buckets()) {
      if (limit === undefined || bucket.rule.label === limit) buckets.push(bucket)
    }
    const latest = buckets.sort((a, b) => b.usedMs - a.usedMs).slice(0, LIST_MAX)
    const listed = await Promise.all(latest.map(({ rule, identity }) => this.listing(rule, identity)))
    return listed.sort((a, b) => (b.used ?? 0) / b.requests - (a.used ?? 0) / a.requests)
  }

  /**
   * Resets a rate limit window for the whole cluster. Permits that nodes have already leased can still be spent until
   * the lease ends, after at most about 1 s.
   *
   * @throws {LimitRefused} when the name does not identify exactly one window
   * @throws {GatewayFault} `store-unavailable` when Redis does not reply
   */
  async reset(name: WindowName): Promise<{ readonly limit: string; readonly existed: boolean }> {
    const rule = this.rule(name.limit)
    const identity = identityOf(rule.by, subjectOf(rule, name))
    const bucket = this.#limiter.bucket(rule, identity)
    const known = bucket.local !== undefined
    bucket.local = undefined
    const existed = this.#store === undefined ? known : (await this.#store.forget(bucket.key)) || known
    return { limit: rule.label, existed }
  }

  /**
   * Returns the counts of a rate limit window in the whole cluster; `undefined` without Redis or when Redis fails.
   * Charges nothing.
   */
  async count(rule: LimitRule, identity: string): Promise<WindowCount | undefined> {
    return this.#store && this.#count(this.#store.key(rule, identity), rule)
  }

  /**
   * Returns a rate limit window with the counts of the whole cluster.
   *
   * @throws {SyntaxError} as a rejection, when the identity is no JSON
   */
  async listing(rule: LimitRule, identity: string): Promise<WindowListing> {
    const count = await this.count(rule, identity)
    return {
      limit: rule.label,
      bucket: identityParts(identity),
      requests: rule.requests,
      window_ms: rule.windowMs,
      mode: rule.mode,
      used: count?.used ?? null,
      held: count?.held ?? null,
    }
  }

  async #count(key: string, rule: LimitRule): Promise<WindowCount | undefined> {
    try {
      return await this.#store?.count(key, rule)
    } catch {
      return undefined
    }
  }

  /**
   * Returns the limit of the current policy with this label.
   *
   * @throws {LimitRefused} when the policy has none
   */
  rule(label: string): LimitRule {
    const labels: string[] = []
    for (const rule of this.#rules()) {
      if (rule.label === label) return rule
      labels.push(rule.label)
    }
    const known = [...new Set(labels)].slice(0, 20).join(', ')
    throw new LimitRefused('limit_unknown', `no limit has the name ${label}; known limits: ${known || 'none'}`)
  }
}

const named = ['issuer', 'subject', 'client', 'session', 'route', 'address'] as const

/**
 * Converts an operator's name of a window into attributes of a request.
 *
 * @throws {LimitRefused} when a part is missing or is not used by the limit
 */
function subjectOf(rule: LimitRule, name: WindowName): LimitSubject {
  const needed = new Set<string>()
  for (const part of rule.by) {
    needed.add(typeof part === 'object' ? claimName(part.claim) : part)
    if (part !== 'address' && part !== 'route') needed.add('issuer')
  }
  const given = new Map<string, unknown>(named.map((part) => [part, name[part]]))
  for (const [claim, value] of Object.entries(name.claims ?? {})) given.set(`claim ${claim}`, value)
  for (const part of needed) {
    if (given.get(part) === undefined) {
      throw new LimitRefused(
        'bucket_incomplete',
        `the ${part} is missing: limit ${rule.label} has a separate window for each ${part}`,
      )
    }
  }
  for (const [part, value] of given) {
    if (value !== undefined && !needed.has(part)) {
      throw new LimitRefused(
        'bucket_surplus',
        `the ${part} must be omitted: limit ${rule.label} does not count by ${part}`,
      )
    }
  }
  return {
    route: name.route ?? '',
    issuer: name.issuer,
    subject: name.subject,
    client: name.client,
    session: name.session,
    address: name.address,
    claim: (path) => given.get(claimName(path)),
  }
}
