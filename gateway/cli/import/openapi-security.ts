import { scopeName } from '../../config/scope-name.ts'
import type { ImportNotes } from './import-note.ts'
import { listOf, mappingOf, textOf } from './plain-value.ts'

type SchemePath = readonly (string | number)[]

/** A requirement of the policy as plain data. */
export type ImportedRequirement = 'public' | Readonly<Record<string, unknown>>

/**
 * Converts the security of an OpenAPI document into requirements of a policy. The gate can check only schemes in which
 * the client sends an access token.
 */
export class OpenApiSecurity {
  readonly #schemes: Readonly<Record<string, unknown>>
  readonly #notes: ImportNotes
  readonly #anyToken: Readonly<Record<string, unknown>>
  readonly #scopesOfBearer: boolean

  /** @param issuer  issuer in the policy. Security without scopes becomes a requirement for a token of this issuer */
  constructor(document: Readonly<Record<string, unknown>>, issuer: string, notes: ImportNotes) {
    this.#schemes = securitySchemes(document)
    this.#notes = notes
    // Every valid token of the issuer meets this condition. It is needed because a policy allows no requirement without
    // a condition.
    this.#anyToken = { claims: { iss: { any: [issuer] } } }
    this.#scopesOfBearer = /^3\.[1-9]/.test(textOf(document['openapi']) ?? '')
  }

  /**
   * Converts a list of security requirements (OpenAPI 3.1 §4.8.30): the entries are alternatives, and a client must
   * meet all schemes of one entry. An entry without a scheme that the gate can check is left out. If no entry remains,
   * a token of the issuer is required. So the policy never admits a request because of a scheme that the gate cannot
   * check.
   */
  requirementOf(security: unknown, path: SchemePath): ImportedRequirement {
    if (security === undefined) {
      const message =
        'the document states no security: the route requires a token of the issuer. For a public route, set require: public'
      this.#notes.add('decide', path, message)
      return this.#anyToken
    }
    const entries = listOf(security).map((entry) => mappingOf(entry) ?? {})
    if (entries.length === 0) return 'public'
    if (entries.some((entry) => Object.keys(entry).length === 0)) {
      this.#notes.add('decide', path, 'security is optional: the route is public')
      return 'public'
    }
    const alternatives = entries
      .map((entry, i) => this.#alternative(entry, [...path, i]))
      .filter((scopes) => scopes !== undefined)
    if (alternatives.length === 0) {
      this.#notes.add('decide', path, 'the route requires a token of the issuer instead')
      return this.#anyToken
    }
    if (alternatives.some((scopes) => scopes.length === 0)) return this.#anyToken
    const distinct = [...new Map(alternatives.map((scopes) => [scopes.join(' '), scopes])).values()]
    const requirements = distinct.map((all) => ({ scopes: { all } }))
    return requirements.length === 1 ? requirements[0]! : { any: requirements }
  }

  /**
   * Returns the scopes that an entry of a security requirement requires; `undefined` when the gate can check no scheme
   * of the entry.
   */
  #alternative(entry: Readonly<Record<string, unknown>>, path: SchemePath): readonly string[] | undefined {
    const scopes = new Set<string>()
    let checked = false
    for (const [name, stated] of Object.entries(entry)) {
      const fault = unsupportedScheme(mappingOf(this.#schemes[name]))
      if (fault !== undefined) {
        this.#notes.add('no equivalent', [...path, name], fault)
        continue
      }
      checked = true
      if (this.#statesScopes(name)) for (const scope of listOf(stated)) this.#addScope(scope, [...path, name], scopes)
    }
    return checked ? [...scopes].sort() : undefined
  }

  /**
   * Whether the names in a security requirement are scopes. For a scheme of type `http`, from OpenAPI 3.1 on, they are
   * roles, for which no claim is defined.
   */
  #statesScopes(name: string): boolean {
    return mappingOf(this.#schemes[name])?.['type'] !== 'http' || !this.#scopesOfBearer
  }

  #addScope(scope: unknown, path: SchemePath, scopes: Set<string>): void {
    if (scopeName.safeParse(scope).success) scopes.add(scope as string)
    else this.#notes.add('no equivalent', path, 'a scope has characters that RFC 6749 §3.3 does not allow')
  }
}

function securitySchemes(document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const components = mappingOf(document['components'])
  return mappingOf(components?.['securitySchemes']) ?? mappingOf(document['securityDefinitions']) ?? {}
}

/**
 * Messages for the security schemes that do not use access tokens, by type; for the type `http`, by its scheme, such as
 * `basic`.
 */
const unsupported: Readonly<Record<string, string>> = {
  apiKey: 'the gate does not check API keys. Give clients tokens, or let the service check the key after the gate',
  mutualTLS: 'add a requirement `certificate` for the accepted client certificates',
  basic: 'the gate accepts ids and secrets of OAuth clients: set `accept: [basic]` and `basic` of the service',
}

/** Returns an error message when the gate cannot check a security scheme of an OpenAPI document, else `undefined`. */
function unsupportedScheme(scheme: Readonly<Record<string, unknown>> | undefined): string | undefined {
  if (scheme === undefined) return 'the document does not define this security scheme'
  const type = textOf(scheme['type']) ?? ''
  if (type === 'oauth2' || type === 'openIdConnect') return undefined
  const name = type === 'http' ? (textOf(scheme['scheme']) ?? '').toLowerCase() : type
  if (name === 'bearer') return undefined
  return unsupported[name] ?? `the gate does not check the scheme ${JSON.stringify(name)}`
}

const wellKnown = /\/\.well-known\/(?:openid-configuration|oauth-authorization-server)/

/**
 * Returns the issuer whose metadata URL the document contains (OpenAPI 3.1 §4.8.27); `undefined` when it contains no
 * metadata URL.
 */
export function openApiIssuer(document: Readonly<Record<string, unknown>>): string | undefined {
  for (const scheme of Object.values(securitySchemes(document))) {
    const { openIdConnectUrl, oauth2MetadataUrl } = mappingOf(scheme) ?? {}
    const url = textOf(openIdConnectUrl) ?? textOf(oauth2MetadataUrl)
    if (url !== undefined && wellKnown.test(url) && URL.canParse(url)) return url.replace(wellKnown, '')
  }
  return undefined
}
