import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FaultReason, GatewayFault } from '../base/fault.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { GrantClient } from '../issuers/grant-client.ts'
import type { ClientGrant } from '../oauth/client-grant.ts'
import { member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import { NamedCounts } from '../telemetry/named-counts.ts'
import { FAILURE_MAX_MS, type GrantStore, type GrantToken, newGrantToken } from './grant-store.ts'

/** Lease of the lock for a token request, ms. The holder extends the lease until the issuer has replied. */
const LEASE_MS = 5000
const POLL_MIN_MS = 15
const POLL_MAX_MS = 200
/**
 * After a token request that failed because the issuer was unavailable: time for which no process sends another token
 * request, ms.
 */
const UNAVAILABLE_MS = 2000
/** After a token request that the issuer refused: time for which no process sends another token request, ms. */
const REFUSED_MS = FAILURE_MAX_MS
/** Assumed lifetime of a token when the reply of the issuer states none, ms: 5 minutes. */
const UNSTATED_MS = 5 * 60_000
/**
 * Difference between `exp` of a JWT and `expires_in` of its token response up to which the earlier of both is used, ms.
 * Issuers round `exp` down to seconds. With a greater difference, `exp` is ignored.
 */
const ROUNDING_MS = 2000
/** Longest lifetime that the gate assumes for a token, ms: 7 days. A longer lifetime is cut to this. */
const LIFETIME_MAX_MS = 7 * 24 * 3_600_000

const outcomes = ['granted', 'repeated', 'unavailable', 'refused'] as const
type Outcome = (typeof outcomes)[number]

/**
 * A token of the gate could not be obtained. For `retryMs`, every attempt to obtain the token of the same grant gets
 * this failure.
 */
export class GrantFailure extends GatewayFault {
  readonly retryMs: number

  constructor(reason: FaultReason, message: string, retryMs: number) {
    super(reason, 'issuer', message)
    this.retryMs = retryMs
  }
}

export interface GrantRequesterOptions {
  /** Store of the grant tokens that all nodes share in Redis; `undefined` without Redis. */
  readonly store: GrantStore | undefined
  /** Returns the wall clock, ms since the epoch. */
  readonly now: () => number
}

/**
 * Obtains tokens by the client credentials grant: the token that the cluster shares in Redis, or else a new token from
 * the issuer. A lock in Redis lets one process at a time request the token of a grant. If the holder of the lock dies,
 * another process requests a second token, which is harmless and counted. While Redis is unavailable, each process
 * requests its own token.
 */
export class GrantRequester implements MetricSource {
  readonly #store: GrantStore | undefined
  readonly #now: () => number
  readonly #task = new Supervisor('service-grants')
  /** Number of token requests by issuer and outcome. @bound policy */
  readonly #counts = new NamedCounts<Record<Outcome, number>>(() => ({
    granted: 0,
    repeated: 0,
    unavailable: 0,
    refused: 0,
  }))

  constructor({ store, now }: GrantRequesterOptions) {
    this.#store = store
    this.#now = now
  }

  /**
   * Returns the valid token that the cluster shares in Redis; `undefined` when there is no such token or its id is
   * `known`.
   *
   * @throws {RedisFault} as a rejection
   */
  async look({ id }: ClientGrant, known: string): Promise<GrantToken | undefined> {
    const found = await this.#store?.begin(id, known, 0)
    return found?.kind === 'token' ? found.token : undefined
  }

  /**
   * Returns a valid token whose id is not `known`: the token that the cluster shares in Redis, or else a new token.
   *
   * @throws {GrantFailure} as a rejection: `upstream-credential-unavailable` when the issuer neither grants nor
   *   refuses, `upstream-credential-misconfigured` when it refuses the gate's client or grants a token that the gate
   *   cannot use
   */
  async take(
    grant: ClientGrant,
    client: Pick<GrantClient, 'request' | 'patienceMs'>,
    known: string,
  ): Promise<GrantToken> {
    const store = this.#store
    if (store === undefined) return this.#requestAlone(grant, client, 'granted')
    const deadlineAt = performance.now() + client.patienceMs
    let had = known
    for (let pauseMs = POLL_MIN_MS; ; pauseMs = Math.min(pauseMs * 1.6, POLL_MAX_MS)) {
      const found = await store.begin(grant.id, had, LEASE_MS).catch(redisOutage)
      // Request a token without the lock while Redis is unavailable: a second token of the cluster is better than none.
      if (found === undefined) return this.#requestAlone(grant, client, 'repeated')
      switch (found.kind) {
        case 'token':
          return found.token
        case 'unreadable':
          had = found.id
          continue
        case 'failed':
          throw failureOf(grant, found.reason, found.leftMs)
        case 'acquired':
          return this.#requestLocked(store, grant, client, found)
        case 'wait':
          if (performance.now() > deadlineAt)
            throw failureOf(
              grant,
              'another process holds the lock to request the token, and did not finish in time',
              POLL_MAX_MS,
            )
          // Poll Redis instead of waiting for a message, which could be missed. Polling also acquires the lock of a
          // process that died.
          await sleep(Math.min(pauseMs, found.leftMs))
          break
        case 'none':
          throw new TypeError('the lock for a token request was neither acquired nor refused')
      }
    }
  }

  collect(sink: MetricSink): void {
    for (const [issuer, counts] of this.#counts.entries()) {
      for (const outcome of outcomes) sink.value(instruments.serviceGrants, counts[outcome], { issuer, outcome })
    }
  }

  async #requestLocked(
    store: GrantStore,
    grant: ClientGrant,
    client: Pick<GrantClient, 'request'>,
    { fence, orphaned }: { readonly fence: string; readonly orphaned: boolean },
  ): Promise<GrantToken> {
    const endRenewing = this.#task.repeat(LEASE_MS / 3, () => store.renew(grant.id, fence, LEASE_MS).catch(redisOutage))
    try {
      const token = await this.#request(grant, client)
      const stored = await store.store(grant.id, fence, token).catch(redisOutage)
      this.#count(grant, orphaned || stored === false ? 'repeated' : 'granted')
      return token
    } catch (error) {
      if (error instanceof GrantFailure) {
        await store.fail(grant.id, fence, reasonIn(error, grant), error.retryMs).catch(redisOutage)
      }
      throw error
    } finally {
      endRenewing()
    }
  }

  async #requestAlone(grant: ClientGrant, client: Pick<GrantClient, 'request'>, outcome: Outcome): Promise<GrantToken> {
    const token = await this.#request(grant, client)
    this.#count(grant, outcome)
    return token
  }

  async #request(grant: ClientGrant, client: Pick<GrantClient, 'request'>): Promise<GrantToken> {
    const askedMs = this.#now()
    try {
      const reply = await client.request()
      if ('error' in reply) throw failureOf(grant, `${refusedMark}${reply.error}`, REFUSED_MS)
      if ('unusable' in reply) throw failureOf(grant, `${refusedMark}${reply.unusable}`, REFUSED_MS)
      const lifetimeMs =
        reply.expiresAtMs === undefined ? UNSTATED_MS : endOf(reply.token, reply.expiresAtMs) - Date.now()
      if (lifetimeMs <= 0) throw failureOf(grant, `${refusedMark}the token has expired already`, REFUSED_MS)
      return newGrantToken(reply.token, askedMs, Math.min(lifetimeMs, LIFETIME_MAX_MS))
    } catch (error) {
      const failure =
        error instanceof GrantFailure || !(error instanceof GatewayFault)
          ? error
          : failureOf(grant, error.message, UNAVAILABLE_MS)
      if (failure instanceof GrantFailure) {
        this.#count(grant, failure.reason === 'upstream-credential-misconfigured' ? 'refused' : 'unavailable')
      }
      throw failure
    }
  }

  #count({ rules: { name } }: ClientGrant, outcome: Outcome): void {
    this.#counts.of(name)[outcome]++
  }
}

/**
 * Returns the time at which a token expires, ms since the epoch. Issuers round `exp` of a JWT down to seconds, so a
 * service can reject the token up to a second earlier than `expires_in` says. The earlier of both times is used. If
 * `exp` is earlier by `ROUNDING_MS` or more, the clocks of gate and issuer differ, and `exp` is ignored.
 *
 * @param statedMs time of expiry by the reply of the issuer, ms since the epoch
 */
function endOf(token: string, statedMs: number): number {
  const jws = readJws(token)
  const exp = typeof jws === 'string' ? undefined : member(jws.claims, 'exp')
  const claimedMs = typeof exp === 'number' ? exp * 1000 : statedMs
  return statedMs - claimedMs < ROUNDING_MS ? Math.min(claimedMs, statedMs) : statedMs
}

/**
 * Prefix of a stored failure reason when the issuer refused the request. Other processes thereby distinguish a refusal
 * from an outage.
 */
const refusedMark = 'refused: '

function failureOf({ rules, clientId }: ClientGrant, reason: string, retryMs: number): GrantFailure {
  const subject = `client ${clientId} at issuer ${rules.name}`
  return reason.startsWith(refusedMark)
    ? new GrantFailure('upstream-credential-misconfigured', `${subject}: ${reason}`, retryMs)
    : new GrantFailure('upstream-credential-unavailable', `${subject}: ${reason}`, retryMs)
}

/** Returns the reason of a failed token request: the message of the failure without its prefix of client and issuer. */
function reasonIn({ message }: GrantFailure, { rules, clientId }: ClientGrant): string {
  return message.slice(`client ${clientId} at issuer ${rules.name}: `.length)
}

/**
 * Ignores an error that is an outage of Redis.
 *
 * @throws any other error
 */
function redisOutage(error: unknown): undefined {
  if (!(error instanceof RedisFault)) throw error
  return undefined
}
