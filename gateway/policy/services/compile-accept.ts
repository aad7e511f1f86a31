import { didYouMean } from '../../base/nearest.ts'
import type { DocumentPath } from '../../config/problem.ts'
import type { BasicTerms } from '../../oauth/basic-terms.ts'
import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { ReportProblem } from '../report-problem.ts'
import type { RouteAccept } from '../snapshot.ts'
import type { BasicEntry } from './accept-entry.ts'
import type { RouteEntry } from './route-entry.ts'
import type { ServiceEntry } from './service-entry.ts'

/** Compiles `accept` and `basic` of a service for its routes. */
export class AcceptCompiler {
  readonly #id: string
  readonly #issuers: ReadonlySet<IssuerRules>
  readonly #service: Pick<ServiceEntry, 'accept' | 'basic'>
  readonly #report: ReportProblem
  /**
   * The compiled `basic` entry of the service. The entry is compiled once, because the routes of the service share the
   * tokens of callers.
   */
  #shared: { readonly terms: BasicTerms | undefined } | undefined

  constructor(
    id: string,
    issuers: ReadonlySet<IssuerRules>,
    service: Pick<ServiceEntry, 'accept' | 'basic' | 'routes'>,
    report: ReportProblem,
  ) {
    this.#id = id
    this.#issuers = issuers
    this.#service = service
    this.#report = report
    const isUsed = service.routes.some(
      ({ accept, basic }) => basic === undefined && (accept ?? service.accept).includes('basic'),
    )
    if (service.basic !== undefined && !isUsed) {
      this.#refuse('is never used, because no route accepts basic', ['services', id, 'basic'], 'add basic to accept')
    }
  }

  /** Compiles `accept` and `basic` of a route. @param at  path of the route in the policy */
  of({ accept, basic }: Pick<RouteEntry, 'accept' | 'basic'>, at: DocumentPath): RouteAccept {
    const schemes = accept ?? this.#service.accept
    const bearer = schemes.includes('bearer')
    if (!schemes.includes('basic')) {
      if (basic !== undefined)
        this.#refuse('is never used, because the route does not accept basic', [...at, 'basic'], 'add basic to accept')
      return { bearer, basic: undefined }
    }
    if (basic !== undefined) return { bearer, basic: this.#terms(basic, [...at, 'basic']) }
    const { basic: shared } = this.#service
    if (shared !== undefined) {
      this.#shared ??= { terms: this.#terms(shared, ['services', this.#id, 'basic']) }
      return { bearer, basic: this.#shared.terms }
    }
    const place = accept === undefined ? ['services', this.#id, 'accept'] : [...at, 'accept']
    this.#refuse(
      'lists basic, so the service or route needs the key basic with the scopes that the gate requests',
      place,
      'add basic: { scopes: [...] }',
    )
    return { bearer, basic: undefined }
  }

  #terms(entry: BasicEntry, path: DocumentPath): BasicTerms | undefined {
    const issuer = this.#issuerOf(entry, path)
    if (issuer === undefined) return undefined
    const scopes = [...new Set(entry.scopes)]
    const resource = [...new Set(entry.resource)]
    const tokenId = JSON.stringify([issuer.issuer, scopes, resource])
    return Object.freeze({ path, issuer, auth: entry.client_auth, scopes, resource, tokenId })
  }

  #issuerOf({ issuer: name }: BasicEntry, path: DocumentPath): IssuerRules | undefined {
    const issuers = [...this.#issuers]
    const names = issuers.map((each) => each.name)
    const found = name === undefined ? issuers : issuers.filter((each) => each.name === name)
    if (found.length === 1) return found[0]
    if (name !== undefined) {
      const hint = didYouMean(name, names) ?? `add ${name} to issuers of the service`
      this.#report(
        'GH_POLICY_ISSUER',
        `service ${this.#id} accepts no tokens of issuer ${name}`,
        [...path, 'issuer'],
        hint,
      )
    } else if (names.length > 1) {
      const hint = `set issuer to one of ${names.join(', ')}`
      this.#report('GH_POLICY_ISSUER', `must name its issuer, because service ${this.#id} has several`, path, hint)
    }
    return undefined
  }

  #refuse(message: string, path: DocumentPath, hint: string): void {
    this.#report('GH_POLICY_ACCEPT', message, path, hint)
  }
}
