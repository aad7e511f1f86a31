import type { LimitRule } from '../base/limit-rule.ts'
import type { Bucket } from './bucket.ts'
import { claimName, identityOf, identityParts, type LimitSubject } from './identity.ts'
import type { Limiter } from './limiter.ts'
import type { PermitStore, WindowCount } from './permit-store.ts'

/** One window. In snake_case: as the admin API has it. */
export interface WindowListing {
  readonly limit: string
  /** What tells it apart: what the limit goes by, and the issuer where that belongs to one. */
  readonly bucket: Readonly<Record<string, unknown>>
  readonly requests: number
  readonly window_ms: number
  readonly mode: LimitRule['mode']
  /** In the whole cluster: requests that were admitted, and permits that nodes hold. `null` while Redis is away. */
  readonly used: number | null
  readonly held: number | null
}

/** Whose window, in words of an operator. Parts that the limit does not go by must be left out. */
export interface WindowName {
  readonly limit: string
  /** The issuer identifier. */
  readonly issuer?: string
  readonly subject?: string
  readonly client?: string
  readonly session?: string
  readonly route?: string
  /** 4 or 16 bytes, IPv4-mapped ones folded. */
  readonly address?: Uint8Array
  /** By the path of the claim, its names joined by dots; a list of names in JSON where one holds a dot itself. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** Why a window cannot be named so; for the operator. */
export class LimitRefused extends Error {
  override readonly name = 'LimitRefused'
  readonly code: 'limit_unknown' | 'bucket_incomplete' | 'bucket_surplus'

  constructor(code: LimitRefused['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Most windows that `list` tells. */
const LIST_MAX = 200

/** For operators: which windows are in use, and making one empty. */
export class LimitDesk {
  readonly #limiter: Limiter
  readonly #store: PermitStore | undefined
  readonly #rules: () => Iterable<LimitRule>

  /** @param rules  those of the policy in force */
  constructor(limiter: Limiter, store: PermitStore | undefined, rules: () => Iterable<LimitRule>) {
    this.#limiter = limiter
    this.#store = store
    this.#rules = rules
  }

  /**
   * Windows that this node was asked about of late, the fullest first, with what the cluster has counted in them. Redis
   * keeps no names of windows, so that other nodes know others.
   */
  async list(limit?: string): Promise<WindowListing[]> {
    if (limit !== undefined) this.#rule(limit)
    const buckets: Bucket[] = []
    for (const bucket of this.#limiter.buckets()) {
      if (limit === undefined || bucket.rule.label === limit) buckets.push(bucket)
    }
    const latest = buckets.sort((a, b) => b.usedMs - a.usedMs).slice(0, LIST_MAX)
    const listed = await Promise.all(latest.map((bucket) => this.#listing(bucket)))
    return listed.sort((a, b) => (b.used ?? 0) / b.requests - (a.used ?? 0) / a.requests)
  }

  /**
   * Makes a window empty, for the whole cluster: permits that nodes hold of it at that moment can still be spent, for as
   * long as a lease is held (about a second at most).
   *
   * @throws {LimitRefused} when the name does not name one window
   * @throws {GatewayFault} `store-unavailable`
   */
  async reset(name: WindowName): Promise<{ readonly limit: string; readonly existed: boolean }> {
    const rule = this.#rule(name.limit)
    const identity = identityOf(rule.by, subjectOf(rule, name))
    const bucket = this.#limiter.bucket(rule, identity)
    const known = bucket.local !== undefined
    bucket.local = undefined
    const existed = this.#store === undefined ? known : (await this.#store.forget(bucket.key)) || known
    return { limit: rule.label, existed }
  }

  /** What the whole cluster has counted in a window; `undefined` while nobody can say. Charges nothing. */
  async count(rule: LimitRule, identity: string): Promise<WindowCount | undefined> {
    return this.#store && this.#count(this.#store.key(rule, identity), rule)
  }

  async #listing({ rule, key, identity }: Bucket): Promise<WindowListing> {
    const count = await this.#count(key, rule)
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

  #rule(label: string): LimitRule {
    const labels: string[] = []
    for (const rule of this.#rules()) {
      if (rule.label === label) return rule
      labels.push(rule.label)
    }
    const known = [...new Set(labels)].slice(0, 20).join(', ')
    throw new LimitRefused('limit_unknown', `no limit has the name ${label}; there are: ${known || 'none'}`)
  }
}

const named = ['issuer', 'subject', 'client', 'session', 'route', 'address'] as const

/** @throws {LimitRefused} when a part is missing, or one too many */
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
      throw new LimitRefused('bucket_incomplete', `${rule.label} goes by ${part}: name it`)
    }
  }
  for (const [part, value] of given) {
    if (value !== undefined && !needed.has(part)) {
      throw new LimitRefused('bucket_surplus', `${rule.label} does not go by ${part}`)
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
