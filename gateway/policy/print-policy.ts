import { formatDuration } from '../base/duration.ts'
import { forwardedMethods } from '../base/methods.ts'
import { formatSize } from '../base/size.ts'
import { printClaimPath } from './claim-path.ts'
import type { IntrospectionEntry } from './issuers/introspection-entry.ts'
import type { IssuerEntry } from './issuers/issuer-entry.ts'
import type { LoginEntry } from './issuers/login-entry.ts'
import type { PolicyDocument } from './policy-schema.ts'
import { printRequirement } from './requirements/print-requirement.ts'
import type { BasicEntry } from './services/accept-entry.ts'
import { auditTerms } from './services/audit-entry.ts'
import { printAuthRequestHeaders } from './services/auth-request-headers.ts'
import type { CorsEntry } from './services/cors-entry.ts'
import { printCredential } from './services/credentials/credential-kinds.ts'
import { printEjection } from './services/ejection-entry.ts'
import { type GrpcEntry, grpcTerms } from './services/grpc-entry.ts'
import { printHealth } from './services/health-entry.ts'
import type { RouteLimitEntry } from './services/limit-entry.ts'
import { matchedMethods } from './services/match-entry.ts'
import { outageTerms, printedOutage } from './services/on-outage.ts'
import { printRetry } from './services/retry-entry.ts'
import type { RouteEntry } from './services/route-entry.ts'
import type { ServiceEntry } from './services/service-entry.ts'
import { printUpstream } from './services/upstream-entry.ts'
import type { WebSocketEntry } from './services/websocket-entry.ts'

/**
 * Returns the effective policy as plain data. The result is a valid policy that compiles to the same rules, with every
 * default filled in. If the absence of a key means all or nothing, the key stays absent: `match.host`, `addresses`,
 * `jwks_uri`. Issuers, services, routes and their keys have a fixed order, independent of the source text.
 */
export function printPolicy({ version, issuers, limits, on_outage, services }: PolicyDocument): object {
  const names = Object.keys(issuers)
  const soleIssuer = names.length === 1 ? names[0] : undefined
  const soleLogin = Object.values(issuers).filter(({ login }) => login !== undefined).length === 1
  return {
    version,
    issuers: mapped(issuers, (issuer) => printedIssuer(issuer, soleLogin)),
    limits: limits.map(printedLimit),
    on_outage: printedOutage(outageTerms(on_outage)),
    services: mapped(services, (service) => printedService(service, on_outage, soleIssuer)),
  }
}

function mapped<T>(entries: Readonly<Record<string, T>>, print: (entry: T) => object): object {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, print(entry)]))
}

function printedIssuer(entry: IssuerEntry, soleLogin: boolean): object {
  return {
    issuer: entry.issuer,
    audience: entry.audience,
    algorithms: entry.algorithms,
    profile: entry.profile,
    clock_tolerance: formatDuration(entry.clock_tolerance),
    max_token_lifetime: formatDuration(entry.max_token_lifetime),
    tokens: entry.tokens,
    ...(entry.introspection && { introspection: printedIntrospection(entry.introspection) }),
    ...(entry.recheck !== undefined && { recheck: formatDuration(entry.recheck) }),
    scope_claim: entry.scope_claim,
    ...(entry.login && { login: printedLogin(entry.login, soleLogin) }),
    scope_array: entry.scope_array,
    ...(entry.client_claim !== undefined && { client_claim: entry.client_claim }),
    ...(entry.jwks_uri !== undefined && { jwks_uri: entry.jwks_uri }),
    keys_stale: formatDuration(entry.keys_stale),
  }
}

function printedIntrospection({ cache, negative_cache, stale, timeout, ...rest }: IntrospectionEntry): object {
  const durations = { cache, negative_cache, stale, timeout }
  return { ...rest, ...mappedDurations(durations) }
}

function printedLogin({ redirect, session, timeout, claims_max_age, ...rest }: LoginEntry, sole: boolean): object {
  const path = redirect ?? (sole ? 'plain' : undefined)
  return {
    ...rest,
    ...(path && { redirect: path }),
    claims_max_age: formatDuration(claims_max_age),
    session: mappedDurations(session),
    timeout: formatDuration(timeout),
  }
}

function mappedDurations(durations: Readonly<Record<string, number>>): object {
  return Object.fromEntries(Object.entries(durations).map(([name, ms]) => [name, formatDuration(ms)]))
}

function printedService(
  entry: ServiceEntry,
  outage: PolicyDocument['on_outage'],
  soleIssuer: string | undefined,
): object {
  const issuers = entry.issuers ?? (soleIssuer === undefined ? undefined : [soleIssuer])
  const sole = issuers?.length === 1 ? issuers[0] : undefined
  return {
    ...(issuers && { issuers }),
    upstreams: entry.upstreams.map(printUpstream),
    ejection: printEjection(entry.ejection),
    slow_start: entry.slow_start === 'none' ? 'none' : formatDuration(entry.slow_start),
    retry: printRetry(entry.retry),
    ...(entry.health && { health: printHealth(entry.health) }),
    protocol: entry.protocol,
    roles: mapped(entry.roles, ({ claim, any }) => ({ claim: printClaimPath(claim), any })),
    credentials: printCredential(entry.credentials),
    ...(entry.upstream_tls && { upstream_tls: entry.upstream_tls }),
    accept: entry.accept,
    ...(entry.basic && { basic: printedBasic(entry.basic, sole) }),
    timeouts: { connect: formatDuration(entry.timeouts.connect), ...printedTimeouts(entry.timeouts) },
    host: entry.host,
    max_calls: entry.max_calls,
    concurrency: entry.concurrency,
    warm_connections: entry.warm_connections,
    priority: entry.priority,
    encoded_slashes: entry.encoded_slashes,
    path_parameters: entry.path_parameters,
    chunked: entry.chunked,
    trust_trace: entry.trust_trace,
    auth_request_headers: printAuthRequestHeaders(entry.auth_request_headers),
    pass_headers: entry.pass_headers,
    audit: auditTerms(entry.audit),
    ...(entry.cors && { cors: printedCors(entry.cors, forwardedMethods) }),
    ...(entry.grpc && { grpc: printedGrpc(entry.grpc) }),
    limits: entry.limits.map(printedLimit),
    on_outage: printedOutage(outageTerms(outage, entry.on_outage)),
    routes: entry.routes.map((route) => printedRoute(route, entry, outage, sole)),
  }
}

function printedRoute(
  entry: RouteEntry,
  service: ServiceEntry,
  outage: PolicyDocument['on_outage'],
  soleIssuer: string | undefined,
): object {
  const { id, match, require, accept, basic, addresses, body, timeouts, websocket, limits, rewrite, shadow, streams } =
    entry
  const cors = entry.cors ?? service.cors
  const grpc = grpcTerms(entry, service.grpc)
  return {
    id,
    match: {
      ...(match.host !== undefined && { host: match.host }),
      ...(match.grpc === undefined ? { path: match.path, methods: matchedMethods(match) } : { grpc: match.grpc }),
      fall_through: match.fall_through,
    },
    require: require === 'public' ? require : printRequirement(require, soleIssuer),
    accept: accept ?? service.accept,
    ...(basic && { basic: printedBasic(basic, soleIssuer) }),
    ...(addresses && { addresses }),
    body: { max: body.max === 'none' ? body.max : formatSize(body.max) },
    timeouts: printedTimeouts({
      first_byte: timeouts?.first_byte ?? service.timeouts.first_byte,
      idle: timeouts?.idle ?? service.timeouts.idle,
      total: timeouts?.total ?? service.timeouts.total,
    }),
    retry: printRetry(entry.retry ?? service.retry),
    credentials: printCredential(entry.credentials ?? service.credentials),
    ...(cors && { cors: printedCors(cors, matchedMethods(match)) }),
    ...(grpc && { grpc: printedGrpc(grpc) }),
    ...(websocket && { websocket: printedWebSocket(websocket) }),
    limits: limits.map(printedLimit),
    ...(rewrite && { rewrite }),
    on_outage: printedOutage(outageTerms(outage, service.on_outage, entry.on_outage)),
    streams: {
      ...(streams.max !== undefined && { max: streams.max }),
      ...(streams.max_per_subject !== undefined && { max_per_subject: streams.max_per_subject }),
      max_age: streams.max_age === 'none' ? streams.max_age : formatDuration(streams.max_age),
      idle: streams.idle === 'none' ? streams.idle : formatDuration(streams.idle),
      ...(streams.hold !== undefined && { hold: formatDuration(streams.hold) }),
      end: streams.end,
    },
    priority: entry.priority ?? service.priority,
    audit: auditTerms(service.audit, entry.audit),
    ...(shadow && { shadow: { require: printRequirement(shadow.require, soleIssuer) } }),
  }
}

function printedBasic({ issuer = undefined, ...rest }: BasicEntry, soleIssuer: string | undefined): object {
  const name = issuer ?? soleIssuer
  return { ...(name !== undefined && { issuer: name }), ...rest }
}

function printedCors({ max_age, methods, ...rest }: CorsEntry, all: readonly string[]): object {
  return { ...rest, methods: methods ?? all, max_age: formatDuration(max_age) }
}

function printedWebSocket({ max_message, ...rest }: WebSocketEntry): object {
  return { ...rest, ...(max_message !== undefined && { max_message: formatSize(max_message) }) }
}

function printedGrpc({ max_message }: GrpcEntry): object {
  return { max_message: formatSize(max_message) }
}

function printedLimit({ name, by, requests, messages, window, cost, burst, mode, shadow }: RouteLimitEntry): object {
  const printed = (part: Exclude<typeof by, readonly unknown[]>) =>
    typeof part === 'object' ? { claim: printClaimPath(part.claim) } : part
  return {
    name,
    by: Array.isArray(by) ? by.map(printed) : printed(by),
    ...(requests !== undefined && { requests }),
    ...(messages !== undefined && { messages }),
    window: formatDuration(window),
    cost,
    ...(burst !== undefined && { burst }),
    mode,
    shadow,
  }
}

function printedTimeouts({ first_byte, idle, total }: Omit<ServiceEntry['timeouts'], 'connect'>): object {
  return {
    first_byte: formatDuration(first_byte),
    idle: formatDuration(idle),
    total: total === 'none' ? total : formatDuration(total),
  }
}
