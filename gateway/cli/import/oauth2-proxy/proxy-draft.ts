import type { ProxyOption } from './proxy-option.ts'

/** An upstream of oauth2-proxy that the gate can call, and the paths that go there. */
export interface DraftUpstream {
  readonly origin: string
  /** Path of oauth2-proxy: a path that ends in a slash matches every path below it. */
  readonly path: string
  /** Prefix that replaces the path, for `rewriteTarget`. */
  readonly rewrite?: { readonly strip_prefix?: string; readonly add_prefix?: string }
}

/** Requests that need no login: paths by pattern, with their methods (`undefined`: all). */
export interface DraftPublic {
  readonly patterns: readonly string[]
  readonly base: string | undefined
  readonly methods: readonly string[] | undefined
}

/** Parts of the policy and of the settings, collected option by option. */
export class ProxyDraft {
  readonly #options: ReadonlyMap<string, ProxyOption>
  /** Keys of the issuer entry. */
  readonly issuer: Record<string, unknown> = {}
  /** Keys of its `login`. */
  readonly login: Record<string, unknown> = {}
  /** Audiences besides the client id. */
  readonly audiences: string[] = []
  /** Other issuers with their audiences. */
  readonly otherIssuers: { readonly issuer: string; readonly audience: string }[] = []
  /** Keys of each service. */
  readonly service: Record<string, unknown> = {}
  /** Keys of `redis` of gatehouse.yaml. */
  readonly redis: Record<string, unknown> = {}
  /** Other keys of gatehouse.yaml. */
  readonly settings: Record<string, unknown> = {}
  readonly upstreams: DraftUpstream[] = []
  readonly publicPaths: DraftPublic[] = []
  /** Conditions of a login; all must be met. */
  readonly conditions: Record<string, unknown>[] = []
  /** Groups and roles; one of them must be met. */
  readonly groups: Record<string, unknown>[] = []
  /** Addresses and domains of e-mail; one of them must be met. `undefined`: not stated. */
  emails: Record<string, unknown>[] | 'all' | undefined
  /** Hosts of the routes. Empty: every host. */
  readonly hosts: string[] = []
  /** Fields that an alpha config adds for services: the name of the field by the claim. */
  readonly userFields: Record<string, string | undefined> = {}
  acceptsTokens = false
  /** Whether another proxy forwards the requests, and the gate only decides. */
  asksOnly = false
  websockets = true

  constructor(options: ReadonlyMap<string, ProxyOption>) {
    this.#options = options
  }

  option(key: string): ProxyOption | undefined {
    return this.#options.get(key)
  }

  /** First value of another option, or the default of oauth2-proxy. */
  value(key: string, standard: string): string {
    return this.#options.get(key)?.values[0] ?? standard
  }
}

/** Returns a requirement that a claim has one of the values. */
export function claimIsOneOf(claim: string, values: readonly string[]): Record<string, unknown> {
  return { claims: { [claim]: { any: values } } }
}
