import type { TcpNetConnectOpts } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { ConnectionOptions } from 'node:tls'
import { ActiveSet, type ActiveSetMember } from '../../base/active-set.ts'
import { GatewayFault } from '../../base/fault.ts'
import { ConcurrencyLimiter } from '../concurrency-limiter.ts'
import { Health } from '../health.ts'
import type { ServiceProtocol } from '../service-protocol.ts'
import { Sweep } from '../sweep.ts'
import {
  type PooledTarget,
  type RequestStream,
  type TargetParts,
  type UpgradeCall,
  type UpgradeListener,
  type UpgradeRequest,
  type UpstreamCall,
  type UpstreamListener,
  type UpstreamRequest,
  upstreamText,
} from '../target.ts'
import type { SeenCertificate } from '../tls/seen-certificate.ts'
import { defaultTlsMaterial } from '../tls/tls-material.ts'
import { tlsOptions } from '../tls/tls-options.ts'
import { upstreamAddress, upstreamHost } from '../upstream-address.ts'
import { WebSocketCall } from '../websocket/websocket-call.ts'
import { ClientCancels } from './client-cancels.ts'
import { Http2Call, type Http2CallKeeper } from './http2-call.ts'
import { requestList } from './request-list.ts'
import {
  CALLS_SPREAD,
  SEPARATE_MAX,
  SEPARATE_PER_CLIENT_MAX,
  SESSIONS_TRIED_MAX,
  SHARED_MAX,
} from './session-limits.ts'
import { type SessionKeeper, UpstreamSession } from './upstream-session.ts'

const sweep = new Sweep()
/** Number of sweeps (one every 250 ms) after which clients with a full budget of cancelled calls are removed. */
const CANCEL_SWEEPS = 40

/**
 * An upstream that is called with HTTP/2: over TLS for `https`, else with prior knowledge. All clients share the
 * sessions to this upstream, except clients that cancel many calls. If the service closes a connection because of too
 * many cancels, it then interrupts only the calls of such a client.
 */
export class Http2Target implements PooledTarget, SessionKeeper, Http2CallKeeper {
  readonly origin: string
  readonly text: string
  readonly peer: string | undefined
  readonly onConnect: TargetParts['onConnect']
  readonly health = new Health()
  readonly address: TcpNetConnectOpts
  readonly connectMs: number
  readonly sweep = sweep
  readonly tls: ConnectionOptions | undefined
  certificateUntilMs: number | undefined
  readonly #scheme: 'http' | 'https'
  readonly #host: string
  readonly #seats: ConcurrencyLimiter
  /**
   * Sessions that all clients share.
   *
   * @bound calls: `max_calls` of the service | the request is refused | gatehouse_upstream_connections
   */
  readonly #shared: UpstreamSession[] = []
  /**
   * Sessions for clients with too many cancels, by the key of the client.
   *
   * @bound calls: `max_calls` of the service | the request is refused | gatehouse_upstream_connections
   */
  readonly #separate = new Map<string, UpstreamSession[]>()
  #separateCount = 0
  /** Number of sessions to the upstream, including sessions that take no more calls. */
  #connections = 0
  readonly #cancels = new ClientCancels()
  /**
   * Calls of HTTP/2 clients whose request bodies may be among the bytes that Node.js is parsing now.
   *
   * @bound calls: `max_calls` of the service | the request is refused | gatehouse_upstream_connections
   */
  readonly #parsing = new ActiveSet<ActiveSetMember & Http2Call>()
  #afterParsing: NodeJS.Immediate | undefined
  #isClosed = false

  /**
   * @param connectMs  longest time to establish a session, ms
   * @param maxCalls   maximum number of concurrent calls
   */
  constructor(origin: URL, connectMs: number, maxCalls: number, parts: TargetParts = {}) {
    const { seats, material, peer, lookup, onConnect } = parts
    this.origin = origin.origin
    this.peer = peer
    this.onConnect = onConnect
    this.text = upstreamText(origin, peer)
    this.#host = origin.host
    this.#scheme = origin.protocol === 'https:' ? 'https' : 'http'
    this.#seats = seats ?? new ConcurrencyLimiter(this.text, maxCalls)
    this.address = upstreamAddress(origin, peer, lookup)
    if (this.#scheme === 'https') this.tls = tlsOptions(upstreamHost(origin), material ?? defaultTlsMaterial(), 'h2')
    this.connectMs = connectMs
  }

  get isOpen(): boolean {
    return !this.#isClosed
  }

  get calls(): number {
    return this.#seats.taken
  }

  get limit(): number {
    return this.#seats.limit
  }

  get connections(): number {
    return this.#connections
  }

  get protocol(): ServiceProtocol {
    return this.tls === undefined ? 'h2c' : 'h2'
  }

  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall {
    const call = new Http2Call(request, listener, this.#seats, this)
    const full = this.#seats.take(call)
    if (full !== undefined) {
      queueMicrotask(() => call.fail(full))
      return call
    }
    try {
      call.list = requestList(request, this.#scheme, this.#host)
    } catch (error) {
      queueMicrotask(() => call.fail(error as GatewayFault))
      return call
    }
    if (request.body?.mayHaveTrailers === undefined) this.reassign(call)
    else this.#awaitBody(call, request.body)
    return call
  }

  /**
   * Waits until Node.js has parsed the bytes after the request head, because Node.js reports the head first. Only then
   * is it known whether the body has arrived completely, and whether trailers follow.
   */
  #awaitBody(call: Http2Call, body: RequestStream): void {
    this.#parsing.add(call)
    this.#afterParsing ??= setImmediate(this.#parsed)
    body.onWhole = () => {
      if (!this.#parsing.has(call)) return
      this.#parsing.delete(call)
      if (this.#parsing.size === 0) {
        clearImmediate(this.#afterParsing)
        this.#afterParsing = undefined
      }
      this.#assign(call)
    }
  }

  readonly #parsed = (): void => {
    this.#afterParsing = undefined
    for (const call of this.#parsing.members()) {
      if (!this.#parsing.has(call)) continue
      this.#parsing.delete(call)
      this.#assign(call)
    }
  }

  /** Gives a call to a session. An error ends only the call, not the process. */
  #assign(call: Http2Call): void {
    try {
      this.reassign(call)
    } catch (error) {
      const message = `starting a call failed: ${error}`
      call.fail(new GatewayFault('node-fault', 'node', message, { cause: error }))
    }
  }

  reassign(call: Http2Call): void {
    if (call.isOver) return
    const session = call.tried++ < SESSIONS_TRIED_MAX ? this.#select(call) : undefined
    if (session !== undefined) session.run(call)
    else {
      const message = `${this.text}: ${this.#whyFull()}`
      queueMicrotask(() => call.fail(new GatewayFault('upstream-full', 'upstream', message, { retryable: true })))
    }
  }

  #whyFull(): string {
    return this.#shared.some((session) => session.allowsNone)
      ? 'the service allows no requests (HTTP/2 SETTINGS_MAX_CONCURRENT_STREAMS 0)'
      : 'no HTTP/2 session has room for the call'
  }

  repeat(call: Http2Call): void {
    this.reassign(call)
  }

  cancelled({ client }: Http2Call): void {
    if (client === undefined) return
    if (this.#cancels.size === 0) sweep.add(this.#cancelSweep)
    this.#cancels.count(client, performance.now())
  }

  readonly #cancelSweep = {
    sweep: (now: number): void => {
      if (now % CANCEL_SWEEPS !== 0) return
      this.#cancels.sweep(performance.now())
      if (this.#cancels.size === 0) sweep.delete(this.#cancelSweep)
    },
  }

  warm(connections: number): void {
    if (connections > 0 && this.#shared.length === 0 && !this.#isClosed) this.#open(undefined)
  }

  /** Selects a session for a call, or opens a session. @returns `undefined` when no more sessions may be opened */
  #select(call: Http2Call): UpstreamSession | undefined {
    const key = this.#cancels.separateKey(call.client, performance.now())
    if (key === undefined) {
      return this.#roomy(this.#shared, call) ?? (mayOpen(this.#shared, SHARED_MAX) ? this.#open(undefined) : undefined)
    }
    const own = this.#separate.get(key) ?? []
    const found = this.#roomy(own, call)
    if (found !== undefined) return found
    return mayOpen(own, SEPARATE_PER_CLIENT_MAX) && this.#separateCount < SEPARATE_MAX ? this.#open(key) : undefined
  }

  /**
   * Selects the first session with fewer than `CALLS_SPREAD` calls. When no more sessions may be opened, selects the
   * session with the fewest calls.
   */
  #roomy(sessions: readonly UpstreamSession[], { fresh, tried }: Http2Call): UpstreamSession | undefined {
    const maySpread = mayOpen(sessions, SHARED_MAX)
    let best: UpstreamSession | undefined
    for (const session of sessions) {
      if (!session.hasRoom || (fresh && tried === 1 && !session.isFresh)) continue
      if (session.load < CALLS_SPREAD) return session
      if (best === undefined || session.load < best.load) best = session
    }
    return maySpread ? undefined : best
  }

  #open(key: string | undefined): UpstreamSession {
    const session = new UpstreamSession(this, key)
    this.#connections++
    if (key === undefined) this.#shared.push(session)
    else {
      const own = this.#separate.get(key)
      if (own === undefined) this.#separate.set(key, [session])
      else own.push(session)
      this.#separateCount++
    }
    return session
  }

  retired(session: UpstreamSession): void {
    const { separateKey: key } = session
    const sessions = key === undefined ? this.#shared : this.#separate.get(key)
    const at = sessions?.indexOf(session) ?? -1
    if (at < 0) return
    sessions!.splice(at, 1)
    if (key === undefined) return
    this.#separateCount--
    if (sessions!.length === 0) this.#separate.delete(key)
  }

  closed(): void {
    this.#connections--
  }

  presented({ validUntilMs }: SeenCertificate): void {
    this.certificateUntilMs = validUntilMs
  }

  unreachable(): void {
    this.health.failed()
  }

  answered(status: number): void {
    this.health.succeeded(status)
  }

  broke(): void {
    this.health.broke()
  }

  /** Fails the upgrade. Never called, because a policy with a WebSocket route is invalid if its service uses HTTP/2. */
  upgrade(request: UpgradeRequest, listener: UpgradeListener): UpgradeCall {
    const call = new WebSocketCall(request, listener, this.#seats)
    const message = `${this.text}: the gate opens WebSockets only to services with protocol: http1`
    queueMicrotask(() => call.fail(new GatewayFault('node-fault', 'node', message)))
    return call
  }

  close(): void {
    this.#isClosed = true
    for (const session of [...this.#shared, ...[...this.#separate.values()].flat()]) session.retire()
  }
}

/**
 * Whether another session may be opened. False at the maximum number of sessions, and while the service allows no calls
 * on one of them.
 */
function mayOpen(sessions: readonly UpstreamSession[], max: number): boolean {
  return sessions.length < max && !sessions.some((session) => session.allowsNone)
}
