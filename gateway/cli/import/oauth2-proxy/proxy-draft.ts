import type { ProxyOption } from './proxy-option.ts'

/** An upstream of oauth2-proxy that the gate can call, and the paths of the requests that go to it. */
export interface DraftUpstream {
  readonly origin: string
  /**
   * Path of the requests, in the syntax of oauth2-proxy: a path that ends in a slash also matches every path below it.
   */
  readonly path: string
  /** Change of the path prefix, from the field `rewriteTarget` of an alpha config. */
  readonly rewrite?: { readonly strip_prefix?: string; readonly add_prefix?: string }
}

/** Imported requests that need no login: paths by pattern, with their methods (`undefined`: all). */
export interface DraftPublic {
  readonly patterns: readonly string[]
  readonly base: string | undefined
  readonly methods: readonly string[] | undefined
}

/** Draft of the policy and the settings that an import of oauth2-proxy makes. Each imported option adds its part. */
export class ProxyDraft {
  readonly #options: ReadonlyMap<string, ProxyOption>
  /** Keys of the issuer in the imported policy. */
  readonly issuer: Record<string, unknown> = {}
  /** Keys of `login` of the issuer in the imported policy. */
  readonly login: Record<string, unknown> = {}
  /** Accepted audiences of tokens in addition to the client id. */
  readonly audiences: string[] = []
  /** Issuers, besides the issuer of the login, whose tokens are accepted, each with its audience. */
  readonly otherIssuers: { readonly issuer: string; readonly audience: string }[] = []
  /** Keys that every service of the imported policy gets. */
  readonly service: Record<string, unknown> = {}
  /** Keys of `redis` in the imported settings (gatehouse.yaml). */
  readonly redis: Record<string, unknown> = {}
  /** All keys of the imported settings (gatehouse.yaml) except `redis`. */
  readonly settings: Record<string, unknown> = {}
  readonly upstreams: DraftUpstream[] = []
  readonly publicPaths: DraftPublic[] = []
  /** Imported conditions, all of which a user must meet. */
  readonly conditions: Record<string, unknown>[] = []
  /** Imported conditions on groups and roles, one of which a user must meet. */
  readonly groups: Record<string, unknown>[] = []
  /**
   * Imported conditions on the e-mail address or its domain; a user must meet one of them. `undefined`: the files have
   * no such condition.
   */
  emails: Record<string, unknown>[] | 'all' | undefined
  /** Hosts of the imported routes. An empty list: the routes match every host. */
  readonly hosts: string[] = []
  /** Header fields that an alpha config adds for services. The key is the claim, the value is the name of the field. */
  readonly userFields: Record<string, string | undefined> = {}
  acceptsTokens = false
  /** True when another proxy forwards the requests and only asks the gate for decisions. */
  asksOnly = false
  websockets = true

  constructor(options: ReadonlyMap<string, ProxyOption>) {
    this.#options = options
  }

  option(key: string): ProxyOption | undefined {
    return this.#options.get(key)
  }

  /** Returns the first value of an oauth2-proxy option, or `standard`, the default of oauth2-proxy. */
  value(key: string, standard: string): string {
    return this.#options.get(key)?.values[0] ?? standard
  }
}

/** Returns a policy requirement that a claim has one of the values. */
export function claimIsOneOf(claim: string, values: readonly string[]): Record<string, unknown> {
  return { claims: { [claim]: { any: values } } }
}
