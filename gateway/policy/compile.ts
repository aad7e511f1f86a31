import { dirname } from 'node:path'
import { AddressList } from '../base/address-list.ts'
import type { RouteLimits } from '../base/limit-rule.ts'
import { withHead } from '../base/methods.ts'
import { priorityIndex } from '../base/priority.ts'
import { ConfigError, type DocumentPath, type Problem, problem } from '../config/problem.ts'
import { statedExpiries } from '../config/stated-expiry.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { FolderOf } from './issuers/client-auth.ts'
import { AskedIssuers, introspectionTerms } from './issuers/compile-introspection.ts'
import { compileIssuers, issuersOf } from './issuers/compile-issuers.ts'
import { loginHosts } from './issuers/login-hosts.ts'
import { RouteTable } from './match.ts'
import { refusedBy } from './path-form.ts'
import { hostFault, type PathPattern, readPathPattern } from './path-pattern.ts'
import type { PolicyDocument } from './policy-schema.ts'
import type { PolicySource } from './policy-source.ts'
import type { ReportProblem } from './report-problem.ts'
import { RouteRequirementNames } from './requirement-names.ts'
import { admitsCertificates } from './requirements/certificate.ts'
import { compileRequirement } from './requirements/compile-requirement.ts'
import { conditionsOf } from './requirements/conditions-of.ts'
import { dpopCondition } from './requirements/dpop.ts'
import { routeDenials } from './route-denials.ts'
import { auditTerms } from './services/audit-entry.ts'
import { compileIdentityFields } from './services/auth-request-headers.ts'
import { AcceptCompiler } from './services/compile-accept.ts'
import { compileCors } from './services/compile-cors.ts'
import { compileLimits, type LimitGroup, routeLimits } from './services/compile-limits.ts'
import { compileProtocol } from './services/compile-protocol.ts'
import { compileUpstreamTls } from './services/compile-upstream-tls.ts'
import { compileWebSocket } from './services/compile-websocket.ts'
import { compileCredentials, type ServiceCredentials } from './services/credentials/compile-credentials.ts'
import type { ServiceCredential } from './services/credentials/service-credential.ts'
import { compileEjection } from './services/ejection-entry.ts'
import { grpcTerms } from './services/grpc-entry.ts'
import { compileHealth } from './services/health-entry.ts'
import { matchedMethods, matchedPath } from './services/match-entry.ts'
import { type OutageTerms, outageTerms, printedOutage } from './services/on-outage.ts'
import { compileRetry } from './services/retry-entry.ts'
import { compileRewrite, type RewriteEntry } from './services/rewrite.ts'
import type { RouteEntry } from './services/route-entry.ts'
import type { ServiceEntry } from './services/service-entry.ts'
import type { StreamsEntry } from './services/streams-entry.ts'
import { weightsOf } from './services/upstream-entry.ts'
import { sessionClaimsOf } from './session-claims.ts'
import type {
  PathRewrite,
  Route,
  RouteAccept,
  RouteAudit,
  RouteStreams,
  RouteTimeouts,
  ServicePolicy,
  Snapshot,
} from './snapshot.ts'

interface CompileOptions {
  /** Policy snapshot in force. The compiler reuses the objects of its unchanged issuers. */
  readonly previous?: Snapshot | undefined
  /** Public URLs of the gate. Error messages of the policy show redirect URIs under these URLs. */
  readonly publicUrls?: readonly string[] | undefined
}

/**
 * Compiles a whole policy into a snapshot. All data that requests need from the policy is computed during compilation.
 *
 * @throws {ConfigError} with all problems of the policy; the snapshot in force is unchanged
 */
export function compilePolicy(source: PolicySource, { previous, publicUrls }: CompileOptions = {}): Snapshot {
  const problems: Problem[] = []
  const report: ReportProblem = (code, message, path, hint) => {
    problems.push(problem(code, message, path, source.locate(path), hint))
  }
  const { document, revision } = source
  const folderOf: FolderOf = (path) => dirname(source.locate(path).file ?? '.')
  const byName = compileIssuers(document.issuers, {
    previous,
    publicUrls,
    longestStaleMs: longestStaleMs(document),
    folderOf,
    report,
  })
  const services: ServicePolicy[] = []
  const gateLimits = compileLimits(document.limits, 'gate', ['limits'], report)
  const routes = new RouteCollection(document.on_outage, folderOf, report)
  for (const [id, entry] of Object.entries(document.services)) {
    const credentials = compileCredentials(id, entry, { issuers: byName, folderOf, report })
    const issuers = issuersOf(id, entry, byName, report)
    const folder = folderOf(['services', id])
    const service = compileService(id, services.length, entry, { issuers, credentials, folder, report })
    services.push(service)
    const shared = [gateLimits, compileLimits(entry.limits, `service/${id}`, ['services', id, 'limits'], report)]
    for (const [i, route] of entry.routes.entries()) {
      routes.add(service, entry, route, credentials.ofRoutes[i]!, shared, ['services', id, 'routes', i])
    }
  }
  const sharedLogins = loginHosts(byName.values(), [...routes.byId.values()], report)
  if (problems.length > 0) throw new ConfigError(problems)
  const { table } = routes
  return Object.freeze({
    revision,
    issuers: new Map([...byName.values()].map((rules) => [rules.issuer, rules])),
    loginIssuers: [...byName.values()].filter(({ login }) => login !== undefined),
    loginHosts: sharedLogins,
    services,
    secretExpiries: statedExpiries(document),
    routes: [...routes.byId.values()],
    identityNames: new Set(services.flatMap(({ identityFields }) => identityFields.map(({ name }) => name))),
    namesHosts: table.namesHosts,
    trustsTraces: services.every(({ trustTrace }) => trustTrace),
    revocationStaleMs: Math.max(0, ...[...routes.byId.values()].map((route) => route.revocationStaleMs)),
    match: (host: string, path: string, method: string) => table.match(host, path, method),
    routesAt: (host: string, path: string) => table.routesAt(host, path),
    methodsAt: (host: string, path: string) => table.methodsAt(host, path),
  })
}

/**
 * Longest time for which any route of the policy accepts a stale introspection response, ms; 0 if no route sets such a
 * time.
 */
function longestStaleMs({ services, on_outage }: PolicyDocument): number {
  const said = Object.values(services).flatMap((service) =>
    service.routes.map((route) => outageTerms(on_outage, service.on_outage, route.on_outage).introspection),
  )
  return Math.max(0, ...said.filter((stale) => typeof stale === 'number'))
}

interface ServiceScope {
  readonly issuers: ReadonlySet<IssuerRules>
  readonly credentials: ServiceCredentials
  /** Folder of the policy file that contains the service. */
  readonly folder: string
  readonly report: ReportProblem
}

function compileService(
  id: string,
  index: number,
  entry: ServiceEntry,
  { issuers, credentials, folder, report }: ServiceScope,
): ServicePolicy {
  const at = ['services', id, 'auth_request_headers']
  const { auth_request_headers: stated, pass_headers: passed } = entry
  const identityFields = compileIdentityFields(stated, credentials.fields, passed, at, report)
  const removed = new Set([...(credentials.fields ?? []), ...identityFields.map(({ name }) => name)])
  return Object.freeze({
    id,
    index,
    issuers,
    upstreams: entry.upstreams.map(({ url }) => url),
    weights: weightsOf(entry),
    ejection: compileEjection(entry.ejection),
    warmConnections: entry.warm_connections,
    slowStartMs: entry.slow_start === 'none' ? 0 : entry.slow_start,
    health: compileHealth(entry.health, entry.protocol, ['services', id, 'health'], report),
    protocol: compileProtocol(entry, ['services', id], report),
    roles: Object.entries(entry.roles).map(([name, { claim, any }]) => ({ name, path: claim, any: new Set(any) })),
    credential: credentials.own,
    credentialFields: removed.size === 0 ? undefined : removed,
    hostHeader: entry.host,
    maxCalls: entry.max_calls,
    adaptive: entry.concurrency === 'adaptive',
    timeouts: { connectMs: entry.timeouts.connect },
    upstreamTls: compileUpstreamTls(entry, folder, ['services', id, 'upstream_tls'], report),
    encodedSlashes: entry.encoded_slashes,
    pathParameters: entry.path_parameters,
    chunked: entry.chunked,
    trustTrace: entry.trust_trace,
    identityFields,
    passHeaders: entry.pass_headers.length === 0 ? undefined : new Set(entry.pass_headers),
  })
}

/** Collects the routes of a policy during compilation. @bound policy */
class RouteCollection {
  readonly table = new RouteTable()
  readonly byId = new Map<string, Route>()
  readonly #folderOf: FolderOf
  readonly #report: ReportProblem
  /** Value of the policy-wide key `on_outage`, which services and routes inherit. */
  readonly #outage: PolicyDocument['on_outage']
  readonly #asked: AskedIssuers
  readonly #accepts = new Map<ServicePolicy, AcceptCompiler>()

  constructor(outage: PolicyDocument['on_outage'], folderOf: FolderOf, report: ReportProblem) {
    this.#outage = outage
    this.#folderOf = folderOf
    this.#report = report
    this.#asked = new AskedIssuers(report)
  }

  /**
   * Compiles and adds one route of a service.
   *
   * @param shared  limits of the policy and of the service, which also apply to the route
   */
  add(
    service: ServicePolicy,
    serviceEntry: ServiceEntry,
    entry: RouteEntry,
    credential: ServiceCredential,
    shared: readonly LimitGroup[],
    at: DocumentPath,
  ): void {
    const pattern = this.#readPattern(service, entry.match, [...at, 'match'])
    const own = compileLimits(entry.limits, `route/${entry.id}`, [...at, 'limits'], this.#report)
    const outage = outageTerms(this.#outage, serviceEntry.on_outage, entry.on_outage)
    const limits = routeLimits([...shared, own], entry, outage.limits, this.#report)
    const route = this.#compile(service, serviceEntry, entry, credential, pattern, limits, outage, at)
    const twin = this.byId.get(route.id)
    if (twin === undefined) this.byId.set(route.id, route)
    else {
      const where = twin.service === service ? `twice in ${service.id}` : `in ${twin.service.id} and in ${service.id}`
      this.#report(
        'GH_POLICY_ROUTE_ID',
        `route id ${route.id} is used ${where}; route ids must be unique in the policy`,
        [...at, 'id'],
      )
    }
    if (pattern === undefined) return
    this.#requireAgreement(entry.match.host, pattern, route, at)
    for (const rival of this.table.add(entry.match.host, pattern, route)) {
      const both = `${rival.id} (service ${rival.service.id}) and ${route.id} (service ${service.id})`
      const shared = [...route.methods].filter((method) => rival.methods.has(method)).join(', ')
      const hint = 'change the path, host or methods of one of them; GET includes HEAD'
      this.#report('GH_POLICY_CONFLICT', `routes ${both} match the same requests: ${shared}`, [...at, 'match'], hint)
    }
  }

  /**
   * Reports a problem unless all routes of one host and path have the same `fall_through`. Otherwise one route with
   * `fall_through` would weaken the protection by the others.
   */
  #requireAgreement(host: string | undefined, pattern: PathPattern, route: Route, at: DocumentPath): void {
    const other = this.table.routesOf(host, pattern).find(({ fallThrough }) => fallThrough !== route.fallThrough)
    if (other === undefined) return
    const [yes, no] = route.fallThrough ? [route, other] : [other, route]
    const message = `route ${yes.id} has fall_through: true, but route ${no.id} of the same host and path does not`
    const hint = 'set fall_through on every route of this host and path, or on none'
    this.#report('GH_POLICY_CONFLICT', message, [...at, 'match'], hint)
  }

  #compile(
    service: ServicePolicy,
    serviceEntry: ServiceEntry,
    entry: RouteEntry,
    credential: ServiceCredential,
    pattern: PathPattern | undefined,
    limits: RouteLimits | undefined,
    outage: OutageTerms,
    at: DocumentPath,
  ): Route {
    const { require, shadow, rewrite } = entry
    const accept = this.#acceptOf(service, serviceEntry, entry, at)
    const timeouts = timeoutsOf(serviceEntry.timeouts, entry.timeouts)
    const methods = withHead(matchedMethods(entry.match))
    const folder = this.#folderOf(at)
    const names = new RouteRequirementNames(service, serviceEntry, folder, this.#report)
    const shadowNames = new RouteRequirementNames(service, serviceEntry, folder, this.#report)
    // Read the collected `names` only after `compileRequirement` has run: it adds the scopes and login issuers of the
    // requirement.
    const requirement = require === 'public' ? undefined : compileRequirement(require, [...at, 'require'], names)
    const certificates = require !== 'public' && admitsCertificates(require) ? names.certificates : []
    if (certificates.length > 0) this.#requireOtherCredential(service, credential, [...at, 'require'])
    const passesToken = credential.type === 'token'
    const dpopRequired = require !== 'public' && conditionsOf(require, service.id).includes(dpopCondition)
    if (dpopRequired && passesToken) this.#reportForwardedBinding(service, [...at, 'require'])
    const logins = [...service.issuers].filter((issuer) => names.loginIssuers.has(issuer))
    return Object.freeze({
      id: entry.id,
      service,
      host: entry.match.host,
      path: matchedPath(entry.match),
      requirement,
      shadow: shadow && compileRequirement(shadow.require, [...at, 'shadow', 'require'], shadowNames),
      accept,
      addresses: entry.addresses && AddressList.compile(entry.addresses),
      timeouts,
      retry: compileRetry(entry.retry ?? serviceEntry.retry, timeouts),
      rewrite: rewrite && this.#compileRewrite(service, rewrite, pattern, [...at, 'rewrite']),
      credential,
      cors: compileCors(entry.cors ?? serviceEntry.cors, methods),
      websocket: compileWebSocket(entry, methods, at, this.#report),
      limits,
      maxBodyBytes: entry.body.max === 'none' ? undefined : entry.body.max,
      grpcMessageMaxBytes: grpcTerms(entry, serviceEntry.grpc)?.max_message,
      introspection: introspectionTerms(this.#asked.of(service.id, service.issuers), outage.introspection),
      onOutage: printedOutage(outage),
      revocationStaleMs: outage.revocation === 'closed' ? 0 : outage.revocation,
      dpopRequired,
      replayOnOutage: outage.replay,
      streams: streamsOf(entry.streams),
      priority: priorityIndex(entry.priority ?? serviceEntry.priority),
      audit: auditOf(serviceEntry.audit, entry.audit),
      scopes: [...names.scopes],
      logins,
      sessionClaims: logins.length === 0 ? [] : sessionClaimsOf(service, names.claims, limits),
      certificates,
      shadowCertificates: shadow !== undefined && admitsCertificates(shadow.require) ? shadowNames.certificates : [],
      namedCertificates: [...names.allCertificates, ...shadowNames.allCertificates],
      namedInputs: {
        claims: [...names.claims, ...shadowNames.claims],
        fields: [...names.fields, ...shadowNames.fields],
      },
      emailLists: [...names.emailLists.values(), ...shadowNames.emailLists.values()],
      relaxations: [...names.relaxations],
      methods,
      fallThrough: entry.match.fall_through,
      denials: routeDenials(accept, passesToken),
    })
  }

  #acceptOf(service: ServicePolicy, serviceEntry: ServiceEntry, route: RouteEntry, at: DocumentPath): RouteAccept {
    let compiler = this.#accepts.get(service)
    if (compiler === undefined) {
      compiler = new AcceptCompiler(service.id, service.issuers, serviceEntry, this.#report)
      this.#accepts.set(service, compiler)
    }
    return compiler.of(route, at)
  }

  /**
   * Reports a route that admits callers by their certificates, although its service needs a token of each caller. A
   * caller with only a certificate has no token.
   */
  #requireOtherCredential({ id }: ServicePolicy, { type, needsToken }: ServiceCredential, at: DocumentPath): void {
    if (needsToken !== true) return
    const message = `admits callers without a token, by their certificates, but service ${id} has credentials: ${type}, which need the token of the caller`
    this.#report('GH_POLICY_CREDENTIALS', message, at, 'use credentials: assertion, or require a token too')
  }

  /**
   * Reports a route that requires bound tokens and whose service receives the token: the service cannot use it, because
   * only the client can prove possession of the key. No request could then be admitted.
   */
  #reportForwardedBinding({ id }: ServicePolicy, at: DocumentPath): void {
    this.#report(
      'GH_POLICY_CONTRADICTION',
      `requires a token bound to a key (dpop), but service ${id} receives the token (credentials: token) and cannot prove possession of the key`,
      at,
      'set credentials: assertion, or remove dpop from the requirement',
    )
  }

  #compileRewrite(
    service: ServicePolicy,
    entry: RewriteEntry,
    pattern: PathPattern | undefined,
    at: DocumentPath,
  ): PathRewrite | undefined {
    const rewrite = compileRewrite(entry, pattern, service)
    if ('stripPrefix' in rewrite) return rewrite
    for (const { key, message } of rewrite) this.#report('GH_POLICY_REWRITE', message, [...at, key])
    return undefined
  }

  #readPattern(service: ServicePolicy, match: RouteEntry['match'], at: DocumentPath): PathPattern | undefined {
    const fault = match.host === undefined ? undefined : hostFault(match.host)
    if (fault !== undefined) this.#report('GH_POLICY_PATTERN', fault, [...at, 'host'])
    const path = matchedPath(match)
    const pattern = readPathPattern(path)
    const refused = typeof pattern === 'string' ? undefined : refusedBy(service, path)
    if (typeof pattern === 'string') {
      const hint = /[{<]/.test(path) ? 'use * for a variable segment, and /** for every path below' : undefined
      this.#report('GH_POLICY_PATTERN', pattern, [...at, 'path'], hint)
    }
    if (refused !== undefined) {
      this.#report('GH_POLICY_PATTERN', `is a path that service ${service.id} rejects (${refused.reason})`, [
        ...at,
        'path',
      ])
    }
    return fault !== undefined || refused !== undefined || typeof pattern === 'string' ? undefined : pattern
  }
}

function timeoutsOf(service: ServiceEntry['timeouts'], own: RouteEntry['timeouts'] = {}): RouteTimeouts {
  const total = own.total ?? service.total
  return {
    firstByteMs: own.first_byte ?? service.first_byte,
    idleMs: own.idle ?? service.idle,
    totalMs: total === 'none' ? undefined : total,
  }
}

function streamsOf({ max, max_per_subject, max_age, idle, hold, end }: StreamsEntry): RouteStreams {
  const maxAgeMs = max_age === 'none' ? undefined : max_age
  const idleMs = idle === 'none' ? undefined : idle
  return { max, maxPerSubject: max_per_subject, maxAgeMs, idleMs, holdMs: hold, keeps: end === 'keep' }
}

function auditOf(...said: Parameters<typeof auditTerms>): RouteAudit {
  const { when_full, query } = auditTerms(...said)
  return { whenFull: when_full, query }
}
