import { resolve } from 'node:path'
import { didYouMean } from '../base/nearest.ts'
import type { DocumentPath } from '../config/problem.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { EmailList } from './email-list.ts'
import { needsNoToken } from './issuers/compile-issuers.ts'
import type { ReportProblem } from './report-problem.ts'
import type { RequirementNames } from './requirements/requirement-kind.ts'
import type { ServiceEntry } from './services/service-entry.ts'
import type { CertificateCondition, ServicePolicy } from './snapshot.ts'

/**
 * Resolves the names of roles, scopes and issuers in one requirement. Collects the scopes and the login issuers for the
 * route.
 *
 * @bound policy
 */
export class RouteRequirementNames implements RequirementNames {
  /** Collected scopes that a client can request to meet the requirement. */
  readonly scopes = new Set<string>()
  /**
   * Issuers whose login sessions the requirement names, also under `not`. To evaluate the requirement, the gate must
   * read the session.
   */
  readonly loginIssuers = new Set<IssuerRules>()
  /**
   * Collected conditions on client certificates outside `not`. `allCertificates` also has the conditions under `not`.
   */
  readonly certificates: CertificateCondition[] = []
  readonly allCertificates: CertificateCondition[] = []
  readonly claims: (readonly string[])[] = []
  /** Names of the request fields that the requirement examines, in lower case. */
  readonly fields: string[] = []
  /** Lists of e-mail addresses that the requirement uses, by the absolute path of their file. */
  readonly emailLists = new Map<string, EmailList>()
  /** Collected policy keys of security relaxations under `require`, with their values. */
  readonly relaxations = new Set<string>()
  readonly #folder: string
  readonly #service: ServicePolicy
  readonly #roles: ServiceEntry['roles']
  readonly #worksWithoutIssuer: boolean
  readonly #report: ReportProblem

  /** @param folder  folder of the policy file that contains the route */
  constructor(service: ServicePolicy, { roles, routes }: ServiceEntry, folder: string, report: ReportProblem) {
    this.#folder = folder
    this.#service = service
    this.#roles = roles
    this.#worksWithoutIssuer = routes.every(needsNoToken)
    this.#report = report
  }

  roleNamed(role: string, path: DocumentPath): string | undefined {
    if (Object.hasOwn(this.#roles, role)) return this.#roles[role]!.claim[0]
    const { id } = this.#service
    const hint = didYouMean(role, Object.keys(this.#roles)) ?? `map it under services.${id}.roles`
    this.#report('GH_POLICY_ROLE', `service ${id} has no role ${role}`, path, hint)
    return undefined
  }

  scopeNamed(scope: string): void {
    this.scopes.add(scope)
  }

  issuerOf(name: string | undefined, path: DocumentPath): IssuerRules | undefined {
    return this.#issuerOf(name, [...path, 'issuer'], path)
  }

  loginIssuer(name: string, path: DocumentPath): IssuerRules | undefined {
    const rules = this.#issuerOf(name, path, path)
    if (rules === undefined) return undefined
    if (rules.login !== undefined) {
      this.loginIssuers.add(rules)
      return rules
    }
    const message = `no request can have a login session of issuer ${name}, because the issuer has no login in the policy`
    this.#report('GH_POLICY_LOGIN', message, path, `add login to issuers.${name}`)
    return undefined
  }

  certificateNamed(condition: CertificateCondition, negated: boolean): void {
    this.allCertificates.push(condition)
    if (!negated) this.certificates.push(condition)
  }

  claimNamed(path: readonly string[]): void {
    this.claims.push(path)
  }

  emailList(file: string, path: DocumentPath): EmailList {
    const absolute = resolve(this.#folder, file)
    const list = this.emailLists.get(absolute) ?? new EmailList(absolute, path)
    this.emailLists.set(absolute, list)
    return list
  }

  relaxed(key: string): void {
    this.relaxations.add(key)
  }

  fieldNamed(name: string): void {
    this.fields.push(name)
  }

  #issuerOf(name: string | undefined, at: DocumentPath, path: DocumentPath): IssuerRules | undefined {
    const { id, issuers } = this.#service
    const listed = [...issuers]
    const names = listed.map((rules) => rules.name)
    if (name === undefined) {
      if (listed.length === 1) return listed[0]
      // Report nothing about a missing issuer here: if the service has no issuer but needs one, a problem has already
      // been reported for the service.
      if (listed.length > 1) {
        const message = `must name the issuer, because service ${id} has several`
        this.#report('GH_POLICY_ISSUER', message, path, `set issuer to one of ${names.join(', ')}`)
      } else if (this.#worksWithoutIssuer) {
        this.#report(
          'GH_POLICY_ISSUER',
          `needs an issuer, but service ${id} has none`,
          path,
          `set services.${id}.issuers`,
        )
      }
      return undefined
    }
    const rules = listed.find((each) => each.name === name)
    if (rules !== undefined) return rules
    const message = `service ${id} does not accept tokens of issuer ${name}`
    const hint = didYouMean(name, names) ?? `add it under services.${id}.issuers`
    this.#report('GH_POLICY_ISSUER', message, at, hint)
    return undefined
  }
}
