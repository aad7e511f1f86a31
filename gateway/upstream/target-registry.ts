import { isIP } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Commit } from '../base/commit.ts'
import type { Expiry, ExpirySource } from '../base/expiries.ts'
import type { NameLookup } from '../base/guarded-lookup.ts'
import { inSlices } from '../base/in-slices.ts'
import { Supervisor, type TaskTimers } from '../base/supervisor.ts'
import { ConfigError, nowhere, type Problem, problem } from '../config/problem.ts'
import { authorityEnds } from '../x509/authority-ends.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import { BalancedTarget } from './balanced-target.ts'
import { Balancer } from './balancer.ts'
import { BY_NAME, ByAddress } from './by-address.ts'
import { CHECKS_MAX, type CheckedUpstream, HealthChecker } from './checks/health-checker.ts'
import type { CheckResult, HealthRules } from './checks/health-rules.ts'
import { ConcurrencyLimiter } from './concurrency-limiter.ts'
import { EjectionCounts } from './ejection-counts.ts'
import type { EjectionCause, EjectionRules } from './ejection-rules.ts'
import { type NameResolver, nameResolver } from './names/name-resolver.ts'
import { UpstreamNames } from './names/upstream-names.ts'
import { openTarget } from './open-target.ts'
import type { ServiceProtocol } from './service-protocol.ts'
import { ServiceRetries } from './service-retries.ts'
import { type PooledTarget, upstreamText } from './target.ts'
import { type ListedFile, listedFiles } from './tls/listed-files.ts'
import { defaultTlsMaterial, TlsFileError, type TlsMaterial } from './tls/tls-material.ts'
import { TlsSource } from './tls/tls-source.ts'
import type { UpstreamTls } from './tls/upstream-tls.ts'
import { upstreamHost } from './upstream-address.ts'
import { LEFT_MS, UpstreamStates } from './upstream-state.ts'

/** Time between two checks of the certificate files of services, ms. */
const POLL_MS = 1000
/** Time between two comparisons of the upstreams of a service for ejection, ms. */
const COMPARE_MS = 1000
/** Number of comparisons after which a new part of the window of recent calls begins. The window has five parts. */
const PART_COMPARISONS = 2
/** Maximum number of connections of a node that are opened in a second before calls need them. */
const WARM_MAX = 256
/** Maximum number of services whose upstreams are compared in one turn of the event loop. */
const SLICE = 256
/** Address list with the only member of an upstream whose connections look its name up, or whose URL has an address. */
const onlyByName: readonly string[] = [BY_NAME]

/** Settings of a service that determine its upstreams and their connections. */
export interface UpstreamSettings {
  /** Id of the service, for errors and log lines. */
  readonly id: string
  readonly upstreams: readonly URL[]
  /** Weights of the upstreams, in the same order; `undefined`: all upstreams have the same weight. */
  readonly weights?: readonly number[] | undefined
  /** Rules by which upstreams are ejected; `undefined`: no upstream is ejected. */
  readonly ejection?: EjectionRules | undefined
  /**
   * Duration of the slow start, ms: an upstream that returns gets its whole share of the calls after this time.
   * Default: 0.
   */
  readonly slowStartMs?: number
  /** Number of connections that are opened to an address when it becomes available. Default: 0. */
  readonly warmConnections?: number
  /** Rules of the health checks of the upstreams; `undefined`: no health checks. */
  readonly health?: HealthRules | undefined
  /** Protocol of the service. Default: HTTP/1.1. */
  readonly protocol?: ServiceProtocol
  /** Maximum number of concurrent calls to one upstream. */
  readonly maxCalls: number
  /** Whether the calls that wait for their reply are also limited by an estimate from their latency. Default: no. */
  readonly adaptive?: boolean
  /** Maximum time to open a connection to the upstream, ms. */
  readonly timeouts: { readonly connectMs: number }
  /** TLS settings; `undefined`: no client certificate, and the certificate authorities of Node.js. */
  readonly upstreamTls?: UpstreamTls | undefined
}

/** Balancers for the services of a policy that is not active yet; `commit` activates them. */
export interface PreparedBalancers {
  readonly balancers: Balancer[]
  readonly commit: Commit
}

type Log = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

interface RegistryOptions {
  readonly log?: Log
  /** Returns the wall clock, ms since the epoch. */
  readonly nowMs?: () => number
  /** Timers for the health checks and for the lookups of names. */
  readonly timers?: TaskTimers
  /**
   * Name servers to ask (default: none, so the operating system looks names up), and time between two lookups of a name
   * whose TTL is not known, ms (default 5000).
   */
  readonly dns?: { readonly servers: readonly string[]; readonly refreshMs: number } | undefined
  /** Looks up the names of upstreams. Default: the name servers of `dns`. */
  readonly resolver?: NameResolver
}

/** A service of the active policy, with its balancer. */
interface Served {
  readonly service: UpstreamSettings
  readonly balancer: Balancer
}

/** Upstreams and certificate files that a policy uses, by the settings for which they were created. @bound policy */
class InUse {
  readonly targets = new Map<string, ByAddress<PooledTarget>>()
  readonly seats = new Map<string, ByAddress<ConcurrencyLimiter>>()
  /** States of the upstreams on this node, by service and origin. */
  readonly states = new Map<string, UpstreamStates>()
  /** Retries of the services, by the id of the service. */
  readonly retries = new Map<string, ServiceRetries>()
  /** Certificate files, by the settings that name them. */
  readonly sources = new Map<string, TlsSource>()
}

/**
 * Keeps connection pools across policy changes. An upstream with unchanged settings keeps its connections. An upstream
 * that the new policy does not name is closed after its last call.
 *
 * Pools are keyed by everything that shapes their connections: address, protocol, limits, and certificates by content. A
 * changed certificate therefore gets a new pool: new calls use it, running calls complete on the old one, which then
 * closes its connections.
 *
 * Each address to which the name of an upstream resolves is a separate member. While the addresses are not known, the
 * upstream is one member whose connections look the name up. So it is while a name has IPv4 and IPv6 addresses and no
 * connection has shown which of them work: Node.js then tries both (RFC 8305).
 */
export class TargetRegistry implements ExpirySource {
  readonly #log: Log
  readonly #nowMs: () => number
  readonly #watching = new Supervisor('upstream-certificates')
  readonly #comparing = new Supervisor('upstream-health')
  readonly #default = lazy(defaultTlsMaterial)
  #used = new InUse()
  /** Services of the policy in force with their balancers. @bound policy */
  #served: readonly Served[] = []
  /** Services of the policy in force, by the names of their upstreams. @bound policy */
  #byName: ReadonlyMap<string, readonly Served[]> = new Map()
  /** Address family (4 or 6) of the latest connection by name, by host and port of the upstream. @bound policy */
  readonly #families = new Map<string, number>()
  readonly #names: UpstreamNames
  /** Pools whose address has not become unavailable since connections were opened before calls need them. */
  readonly #warmed = new WeakSet<PooledTarget>()
  /** Number of connections that may be opened before calls need them, until the next comparison. */
  #warmLeft = WARM_MAX
  readonly #lookup: NameLookup
  #endWatching: (() => void) | undefined
  #endComparing: (() => void) | undefined
  #comparisons = 0
  readonly #checker: HealthChecker
  /** Ends of the drains by operators, ms since the epoch, by service and origin. @bound 4096 drains of the cluster | the drain is refused | none */
  #drainedUntilMs: ReadonlyMap<string, number> = new Map()
  /** Limit of concurrent health checks. It does not count calls. */
  readonly #checkSeats = new ConcurrencyLimiter('health checks', CHECKS_MAX)
  /** Number of ejections since the start of the node, by service, origin and cause. */
  readonly ejections = new EjectionCounts()

  constructor(options: RegistryOptions = {}) {
    const { log = () => {}, nowMs = Date.now, timers, dns } = options
    const { resolver = nameResolver(dns?.servers ?? []) } = options
    this.#log = log
    this.#checker = new HealthChecker({ log, timers })
    this.#nowMs = nowMs
    const onLookup = (name: string, isChanged: boolean): void => this.#lookedUp(name, isChanged)
    this.#names = new UpstreamNames({ log, timers, resolver, refreshMs: dns?.refreshMs, onLookup })
    this.#lookup = resolver.lookup
  }

  /** Names of the upstreams of the policy in force, with their addresses. */
  get names(): Pick<UpstreamNames, 'all' | 'ageMs'> {
    return this.#names
  }

  /** Returns the health checks of an upstream since the start of the node, by result; `undefined` without checks. */
  checksOf(service: string, origin: string): Readonly<Record<CheckResult, number>> | undefined {
    return this.#used.states.get(`${service} ${origin}`)?.checkCounts
  }

  /** Activates the upstreams of a policy immediately: {@link prepare} and its commit in one step. */
  replace(services: readonly UpstreamSettings[]): Balancer[] {
    const { balancers, commit } = this.prepare(services)
    commit()
    return balancers
  }

  /**
   * Creates the balancers of a policy, one per service, in the same order. The commit closes the targets that the
   * policy does not name. Preparing opens no connection. Certificate files that the active policy also uses are not
   * read again: {@link reload} does that, and keeps the contents in use when new ones are unusable.
   *
   * @throws {ConfigError} when certificate files of a service are unusable
   */
  prepare(services: readonly UpstreamSettings[]): PreparedBalancers {
    const next = new InUse()
    const problems = services.flatMap((service) => this.#openSource(next, service))
    if (problems.length > 0) throw new ConfigError(problems)
    const served = services.map((service) => ({ service, balancer: this.#balancerOf(next, service) }))
    const commit = (): void => {
      this.#adopt(next)
      this.#served = served
      this.#followNames()
      // Use the current addresses of names: they may have changed since the policy was prepared.
      this.#rebalance(served)
      this.#checker.follow(served.flatMap((each) => this.#checkedOf(each)))
    }
    return { balancers: served.map(({ balancer }) => balancer), commit }
  }

  /**
   * Lists the certificates of the active policy. Certificates of the gate and of authorities come from their files.
   * Certificates of upstreams are those that this node saw in handshakes.
   */
  *expiries(): Iterable<Expiry> {
    for (const { service, balancer } of this.#served) {
      const { id, upstreamTls } = service
      const material = upstreamTls && this.#used.sources.get(sourceKey(upstreamTls))?.current
      if (material !== undefined) yield* materialExpiries(id, material)
      const byOrigin = new Map<string, number>()
      for (const { origin, certificateUntilMs } of balancer.targets) {
        if (certificateUntilMs === undefined) continue
        byOrigin.set(origin, Math.min(byOrigin.get(origin) ?? Number.POSITIVE_INFINITY, certificateUntilMs))
      }
      for (const [origin, expiresAtMs] of byOrigin) {
        yield { kind: 'upstream-certificate', name: `${id} ${origin}`, expiresAtMs }
      }
    }
  }

  /** Lists the certificate files of the active policy for the inventory of secrets. */
  *files(): Iterable<ListedFile> {
    for (const { service } of this.#served) {
      const { id, upstreamTls } = service
      const source = upstreamTls && this.#used.sources.get(sourceKey(upstreamTls))
      if (source !== undefined) yield* listedFiles(id, upstreamTls!, source)
    }
  }

  /** Starts to look up names, to check the certificate files for changes and upstreams for health, and to compare them. */
  watch(): void {
    this.#names.start()
    this.#warm(this.#served)
    this.#checker.start()
    this.#endComparing ??= this.#comparing.repeat(COMPARE_MS, () => this.#compare())
    this.#endWatching ??= this.#watching.repeat(POLL_MS, () => this.reload())
  }

  /**
   * Reads changed certificate files again. New connections use the new contents. Unusable contents are logged, and the
   * previous ones stay in use.
   *
   * @param now  true to read unchanged files too, and to log an error immediately instead of at the second check
   */
  reload(now = false): void {
    const { sources } = this.#used
    if (sources.size === 0) return
    const changed = new Set<string>()
    for (const [key, source] of sources) {
      const result = source.refresh(now)
      if (result.outcome === 'changed') changed.add(key)
      if (result.outcome !== 'rejected') continue
      const { key: member, message } = result.error
      this.#log('warn', 'TLS files of services rejected; the previous files stay in use', {
        services: this.#servicesOf(new Set([key])),
        problem: `upstream_tls.${member}: ${message}`,
      })
    }
    if (changed.size === 0) return
    this.#renewTargets()
    this.#log('info', 'TLS files of services reloaded', { services: this.#servicesOf(changed) })
  }

  #renewTargets(): void {
    const next = new InUse()
    for (const [key, source] of this.#used.sources) next.sources.set(key, source)
    for (const [key, state] of this.#used.states) next.states.set(key, state)
    for (const [key, retries] of this.#used.retries) next.retries.set(key, retries)
    for (const { balancer, service } of this.#served) balancer.members = this.#membersOf(next, service)
    this.#adopt(next)
    this.#compareTargets(this.#served)
  }

  #servicesOf(sources: ReadonlySet<string>): string[] {
    return this.#served
      .filter(({ service: { upstreamTls } }) => upstreamTls && sources.has(sourceKey(upstreamTls)))
      .map(({ service: { id } }) => id)
  }

  #openSource(next: InUse, { id, upstreamTls }: UpstreamSettings): Problem[] {
    if (upstreamTls === undefined) return []
    const key = sourceKey(upstreamTls)
    try {
      const source = next.sources.get(key) ?? this.#used.sources.get(key) ?? new TlsSource(upstreamTls, this.#nowMs)
      next.sources.set(key, source)
      return []
    } catch (error) {
      if (!(error instanceof TlsFileError)) throw error
      const path = ['services', id, 'upstream_tls', error.key]
      return [problem('GH_CONFIG_SECRET', error.message, path, nowhere)]
    }
  }

  #balancerOf(next: InUse, service: UpstreamSettings): Balancer {
    const { id, ejection, slowStartMs = 0 } = service
    const members = this.#membersOf(next, service)
    const onEjected = ({ target }: BalancedTarget, cause: EjectionCause, ms: number): void => {
      const { origin, peer: address } = target
      this.ejections.count(id, origin, cause)
      this.#log('warn', 'upstream ejected', { service: id, upstream: origin, address, cause, seconds: ms / 1000 })
    }
    const retries = found(next.retries, this.#used.retries, id, () => new ServiceRetries())
    return new Balancer(members, { ejection, slowStartMs, onEjected, retries })
  }

  /** Starts to count the outcomes of calls to the upstreams of services with several upstreams. */
  #compareTargets(services: readonly Served[]): void {
    for (const { balancer } of services) {
      if (balancer.size > 1) for (const { health } of balancer.targets) health.isCompared = true
    }
  }

  async #compare(): Promise<void> {
    const now = performance.now()
    this.#warmLeft = WARM_MAX
    await inSlices(this.#served, SLICE, (served) => {
      served.balancer.compare(now)
      this.#warm([served])
    })
    if (++this.#comparisons % PART_COMPARISONS !== 0) return
    for (const targets of this.#used.targets.values()) {
      for (const { health } of targets.values()) if (health.isCompared) health.window.rotate()
    }
  }

  /** Drains these upstreams, and no others. @param untilMs  ends, ms since the epoch, by `SERVICE ORIGIN` */
  drain(untilMs: ReadonlyMap<string, number>): void {
    this.#drainedUntilMs = untilMs
    this.#applyDrains(this.#served)
  }

  #applyDrains(services: readonly Served[]): void {
    const now = performance.now()
    const nowMs = this.#nowMs()
    for (const { service } of services) {
      for (const { origin } of service.upstreams) {
        const key = `${service.id} ${origin}`
        const forMs = (this.#drainedUntilMs.get(key) ?? 0) - nowMs
        for (const state of this.#used.states.get(key)!.values()) state.drain(forMs, now)
      }
    }
  }

  /** Returns the upstreams of a service that have health checks: each address, or none without `health`. */
  #checkedOf({ service, balancer }: Served): CheckedUpstream[] {
    const { id, health: rules, upstreams } = service
    const origins = new Map(upstreams.map((origin) => [origin.origin, origin]))
    return balancer.members.flatMap(({ state, target }) => {
      if (rules === undefined) {
        state.unchecked()
        return []
      }
      const { origin, peer: address } = target
      const open = (): PooledTarget => this.#openForCheck(origins.get(origin)!, address, service, rules)
      return [{ service: id, origin, address, rules, state, open }]
    })
  }

  #openForCheck(
    origin: URL,
    peer: string | undefined,
    service: UpstreamSettings,
    { timeoutMs }: HealthRules,
  ): PooledTarget {
    const material = this.#materialOf(this.#used, origin, service)
    return openTarget(origin, service.protocol, timeoutMs, 1, {
      seats: this.#checkSeats,
      material,
      peer,
      lookup: this.#lookup,
    })
  }

  #followNames(): void {
    const byName = new Map<string, Served[]>()
    const hosts = new Set<string>()
    for (const served of this.#served) {
      for (const origin of served.service.upstreams) {
        const name = upstreamHost(origin)
        if (isIP(name) !== 0) continue
        hosts.add(origin.host)
        const services = byName.get(name)
        if (services === undefined) byName.set(name, [served])
        else if (services.at(-1) !== served) services.push(served)
      }
    }
    this.#byName = byName
    for (const host of this.#families.keys()) if (!hosts.has(host)) this.#families.delete(host)
    this.#names.follow(new Set(byName.keys()))
  }

  #lookedUp(name: string, isChanged: boolean): void {
    const services = this.#byName.get(name) ?? []
    const hasLost = this.#forgetUnreachable(name, services)
    if (isChanged || hasLost) this.#changeAddresses(services)
  }

  #changeAddresses(services: readonly Served[]): void {
    this.#rebalance(services)
    for (const served of services) {
      if (served.service.health !== undefined) this.#checker.followService(served.service.id, this.#checkedOf(served))
    }
    this.#warm(services)
  }

  /** Opens connections to addresses that have become available, for services with `warm_connections`. */
  #warm(services: readonly Served[]): void {
    const now = performance.now()
    for (const { balancer, service } of services) {
      const { warmConnections = 0 } = service
      if (warmConnections === 0) continue
      for (const member of balancer.members) {
        const { target } = member
        if (!member.isAvailable(now)) this.#warmed.delete(target)
        else if (!this.#warmed.has(target)) this.#warmOne(target, warmConnections)
      }
    }
  }

  #warmOne(target: PooledTarget, warmConnections: number): void {
    const name = upstreamHost(new URL(target.origin))
    const isByName = target.peer === undefined && isIP(name) === 0
    // The first lookup replaces the pool of a name.
    if (isByName && this.#names.addressesOf(name) === undefined) return
    // One connection shows whether IPv4 or IPv6 works, and then replaces the pool.
    const count = isByName ? 1 : warmConnections
    if (this.#warmLeft < count) return
    this.#warmLeft -= count
    this.#warmed.add(target)
    target.warm(count)
  }

  /**
   * Forgets the address family of upstreams with this name of which no address is reachable, so that the next
   * connections try both families.
   *
   * @returns whether a family was forgotten
   */
  #forgetUnreachable(name: string, services: readonly Served[]): boolean {
    if (isOneFamily(this.#names.addressesOf(name) ?? [])) return false
    const now = performance.now()
    let hasLost = false
    for (const { balancer, service } of services) {
      for (const { host, origin } of service.upstreams.filter((each) => upstreamHost(each) === name)) {
        const targets = balancer.targets.filter((target) => target.origin === origin)
        if (targets.every(({ peer, health }) => peer !== undefined && health.restUntil > now)) {
          hasLost = this.#families.delete(host) || hasLost
        }
      }
    }
    return hasLost
  }

  /** Called when a connection by name has opened. */
  #connected(origin: URL, address: string): void {
    const family = isIP(address)
    if (family === 0 || this.#families.get(origin.host) === family) return
    this.#families.set(origin.host, family)
    const name = upstreamHost(origin)
    if (isOneFamily(this.#names.addressesOf(name) ?? [])) return
    // Change the members after the event of the connection has ended, because the change closes the pool of the
    // connection.
    queueMicrotask(() => this.#changeAddresses(this.#byName.get(name) ?? []))
  }

  /** Returns the addresses of an upstream. Each address is a member of the service. */
  #addressesOf(origin: URL): readonly string[] {
    const addresses = this.#names.addressesOf(upstreamHost(origin))
    if (addresses === undefined) return onlyByName
    if (isOneFamily(addresses)) return addresses
    const family = this.#families.get(origin.host)
    const usable = addresses.filter((address) => isIP(address) === family)
    return usable.length === 0 ? onlyByName : usable
  }

  /** Gives the services the current addresses of their upstreams. Closes the pools of other addresses. */
  #rebalance(services: readonly Served[]): void {
    const used = this.#used
    for (const { balancer, service } of services) balancer.members = this.#membersOf(used, service)
    for (const { service } of services) {
      for (const origin of service.upstreams) {
        const addresses = this.#addressesOf(origin)
        const { limitKey, key } = this.#keysOf(used, origin, service)
        for (const target of used.targets.get(key)!.keep(addresses)) target.close()
        used.seats.get(limitKey)!.keep(addresses)
        used.states.get(`${service.id} ${origin.origin}`)!.keep(addresses)
      }
    }
    this.#compareTargets(services)
    this.#applyDrains(services)
  }

  #membersOf(next: InUse, service: UpstreamSettings): BalancedTarget[] {
    const { id, upstreams, weights } = service
    const now = performance.now()
    return upstreams.flatMap((origin, i) => {
      const addresses = this.#addressesOf(origin)
      const stateKey = `${id} ${origin.origin}`
      const states = found(next.states, this.#used.states, stateKey, () => new UpstreamStates())
      const addedAt = states.isResolved ? now : undefined
      return addresses.map((address) => {
        const target = this.#targetOf(next, origin, address, service)
        return new BalancedTarget(target, weights?.[i] ?? 1, states.stateOf(address, addedAt), addresses.length)
      })
    })
  }

  /** Returns the TLS material of an https upstream. */
  #materialOf({ sources }: InUse, { protocol }: URL, { upstreamTls }: UpstreamSettings): TlsMaterial | undefined {
    if (protocol !== 'https:') return undefined
    return (upstreamTls && sources.get(sourceKey(upstreamTls))?.current) ?? this.#default()
  }

  #keysOf(next: InUse, origin: URL, service: UpstreamSettings) {
    const { maxCalls, adaptive = false, timeouts, protocol = 'http1' } = service
    const material = this.#materialOf(next, origin, service)
    const limitKey = `${origin.origin} ${timeouts.connectMs} ${maxCalls} ${adaptive}`
    return { material, limitKey, key: `${limitKey} ${protocol} ${material?.hash}` }
  }

  #targetOf(next: InUse, origin: URL, address: string, service: UpstreamSettings): PooledTarget {
    const { maxCalls, adaptive = false, timeouts, protocol } = service
    const { material, limitKey, key } = this.#keysOf(next, origin, service)
    const peer = address === BY_NAME ? undefined : address
    const targets = found(next.targets, this.#used.targets, key, () => new ByAddress<PooledTarget>())
    const limits = found(next.seats, this.#used.seats, limitKey, () => new ByAddress<ConcurrencyLimiter>(LEFT_MS))
    const text = upstreamText(origin, peer)
    const limiter = () => new ConcurrencyLimiter(text, maxCalls, adaptive ? new AdaptiveLimit(maxCalls) : undefined)
    const seats = limits.of(address, limiter)
    const isByName = peer === undefined && isIP(upstreamHost(origin)) === 0
    const onConnect = isByName ? (connected: string) => this.#connected(origin, connected) : undefined
    const parts = { seats, material, peer, onConnect, lookup: this.#lookup }
    return targets.of(address, () => openTarget(origin, protocol, timeouts.connectMs, maxCalls, parts))
  }

  #adopt(next: InUse): void {
    for (const [key, targets] of this.#used.targets) {
      if (next.targets.get(key) !== targets) for (const target of targets.values()) target.close()
    }
    this.#used = next
    this.ejections.keep((key) => next.states.has(key))
  }

  close(): void {
    this.#endWatching?.()
    this.#endComparing?.()
    this.#checker.close()
    this.#names.close()
    this.#served = []
    this.#byName = new Map()
    this.#adopt(new InUse())
  }
}

/** Returns the object at `key` for the next policy: the object that is already in use, or else a new object. */
function found<T>(next: Map<string, T>, used: ReadonlyMap<string, T>, key: string, make: () => T): T {
  const object = next.get(key) ?? used.get(key) ?? make()
  next.set(key, object)
  return object
}

function* materialExpiries(service: string, { certificate, authorities }: TlsMaterial): Iterable<Expiry> {
  if (certificate !== undefined) {
    yield { kind: 'client-certificate', name: service, expiresAtMs: certificate.validToDate.getTime() }
  }
  for (const { subject, expiresAtMs } of authorityEnds(authorities)) {
    yield { kind: 'upstream-ca', name: `${service} ${subject}`, expiresAtMs }
  }
}

function sourceKey(tls: UpstreamTls): string {
  return JSON.stringify(tls)
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

function isOneFamily(addresses: readonly string[]): boolean {
  return addresses.every((address) => isIP(address) === isIP(addresses[0]!))
}
