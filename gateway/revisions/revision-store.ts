import { KEEP_EVENTS_MS } from '../cluster/event.ts'
import { readMemberFacts } from '../cluster/member.ts'
import { readWrittenEvent, type WrittenEvent } from '../cluster/written-event.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'

/** Kinds of the cluster events that concern the policy. */
export const ACTIVATION_EVENT = 'policy'
export const CANDIDATE_EVENT = 'policy-candidate'
/**
 * Kind of the event for an activation that begins a canary. A member that does not list this kind is too old to try
 * canaries.
 */
export const CANARY_EVENT = 'policy-canary'

/** Number of revisions that Redis keeps. */
const KEPT_REVISIONS = 200
/** Time for which Redis keeps a proposed policy and its votes, ms. Longer than the maximum wait for the votes. */
const CANDIDATE_MS = 60_000

/** An activation and its revision, both as envelopes (texts with a MAC). */
export interface SealedPolicy {
  readonly activation: string
  readonly number: number
  readonly revision: string
}

interface ActivateOptions {
  /** Kind of the event about the activation. */
  readonly kind?: typeof ACTIVATION_EVENT | typeof CANARY_EVENT
  /** Envelope of the outcome of the rollout that the activation ends. */
  readonly outcome?: string | undefined
}

/**
 * Reads and writes the revisions, the activation and the proposed policies in Redis. Does not verify their MACs: the
 * caller must do so.
 */
export class RevisionStore {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #scripts: Readonly<Record<'activate' | 'restore' | 'propose' | 'vote' | 'renew' | 'list', RedisScript>>

  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client
    this.#keys = keys
    this.#scripts = {
      activate: client.script(new URL('./activate-policy.lua', import.meta.url)),
      restore: client.script(new URL('./restore-policy.lua', import.meta.url)),
      propose: client.script(new URL('./propose-policy.lua', import.meta.url)),
      vote: client.script(new URL('./set-expiring-field.lua', import.meta.url)),
      renew: client.script(new URL('./renew-macs.lua', import.meta.url)),
      list: client.script(new URL('../cluster/list-members.lua', import.meta.url)),
    }
  }

  get connected(): boolean {
    return this.#client.ready
  }

  /**
   * Returns the envelope of the newest policy activation; `''` when it is missing. @throws {RedisFault} as a rejection
   */
  async activation(): Promise<string> {
    return text(await this.#client.call('GET', this.#keys.policyActivation)) ?? ''
  }

  /** Returns the envelope of a policy revision. @throws {RedisFault} as a rejection */
  async revision(number: number): Promise<string | undefined> {
    return text(await this.#client.call('HGET', this.#keys.policyRevisions, String(number)))
  }

  /** Returns the envelopes of all kept policy revisions, by number. @throws {RedisFault} as a rejection */
  async revisions(): Promise<ReadonlyMap<string, string>> {
    const pairs = (await this.#client.call('HGETALL', this.#keys.policyRevisions)) as string[]
    const map = new Map<string, string>()
    for (let i = 0; i + 1 < pairs.length; i += 2) map.set(pairs[i]!, pairs[i + 1]!)
    return map
  }

  /** Returns the numbers of the kept policy revisions, in no order. @throws {RedisFault} as a rejection */
  async numbers(): Promise<number[]> {
    const numbers = (await this.#client.call('HKEYS', this.#keys.policyRevisions)) as string[]
    return numbers.map(Number).filter(Number.isSafeInteger)
  }

  /**
   * Activates a policy revision in Redis.
   *
   * @param sealed  the activation, and the revision with the highest number. When the activation begins or withdraws a
   *   canary, this is not the active revision
   * @param expected  envelope of the activation that the new one follows; `''` for the first one
   * @returns `undefined` when another activation took place
   * @throws {RedisFault} as a rejection
   */
  async activate(
    { activation, number, revision }: SealedPolicy,
    expected: string,
    { kind = ACTIVATION_EVENT, outcome = '' }: ActivateOptions = {},
  ): Promise<WrittenEvent | undefined> {
    const { events, members, memberFacts, policyRevisions, policyActivation, policyRollout } = this.#keys
    const names = [events, members, memberFacts, policyRevisions, policyActivation, policyRollout]
    const terms = [kind, activation, expected, number, revision, KEEP_EVENTS_MS, KEPT_REVISIONS, outcome]
    const reply = (await this.#scripts.activate(names, terms)) as string[]
    return reply[0] === '' ? undefined : readWrittenEvent(reply)
  }

  /**
   * Restores the newest activation and its revision after Redis lost them.
   *
   * @param expected  current value of the activation in Redis; `''` when it is missing
   * @returns whether the activation was restored
   * @throws {RedisFault} as a rejection
   */
  async restore({ activation, number, revision }: SealedPolicy, expected: string): Promise<boolean> {
    const { events, policyRevisions, policyActivation } = this.#keys
    const terms = [ACTIVATION_EVENT, activation, expected, number, revision, KEEP_EVENTS_MS]
    return Number(await this.#scripts.restore([events, policyRevisions, policyActivation], terms)) === 1
  }

  /** Proposes a policy: asks every member for its vote on the candidate. @throws {RedisFault} as a rejection */
  async propose(id: string, candidate: string): Promise<WrittenEvent> {
    const { events, members, memberFacts } = this.#keys
    const names = [events, members, memberFacts, this.#keys.policyCandidate(id), this.#keys.policyVotes(id)]
    const terms = [CANDIDATE_EVENT, id, candidate, CANDIDATE_MS, KEEP_EVENTS_MS]
    return readWrittenEvent((await this.#scripts.propose(names, terms)) as string[])
  }

  /** Envelope of a proposed policy; `undefined` after its lifetime. @throws {RedisFault} as a rejection */
  async candidate(id: string): Promise<string | undefined> {
    return text(await this.#client.call('GET', this.#keys.policyCandidate(id)))
  }

  /** Stores the vote of a node on a proposed policy. @throws {RedisFault} as a rejection */
  async vote(id: string, node: string, vote: string): Promise<void> {
    await this.#scripts.vote([this.#keys.policyVotes(id)], [node, vote, CANDIDATE_MS])
  }

  /** Votes of the nodes on a proposed policy, by node id. @throws {RedisFault} as a rejection */
  async votes(id: string): Promise<ReadonlyMap<string, string>> {
    const pairs = (await this.#client.call('HGETALL', this.#keys.policyVotes(id))) as string[]
    const map = new Map<string, string>()
    for (let i = 0; i + 1 < pairs.length; i += 2) if (pairs[i] !== '') map.set(pairs[i]!, pairs[i + 1]!)
    return map
  }

  /**
   * Replaces an envelope by an envelope with the same content whose MAC has another key.
   *
   * @param number  number of the revision; `undefined` for the activation
   * @throws {RedisFault} as a rejection
   */
  async replaceEnvelope(number: number | undefined, before: string, after: string): Promise<void> {
    await this.#scripts.renew(
      [this.#keys.policyRevisions, this.#keys.policyActivation],
      [number === undefined ? '' : String(number), before, after],
    )
  }

  /**
   * Whether Redis contains a cluster epoch. If so, Redis is not new and has not lost its data.
   *
   * @throws {RedisFault} as a rejection
   */
  async hasEpoch(): Promise<boolean> {
    return Number(await this.#client.call('EXISTS', this.#keys.epoch)) === 1
  }

  /**
   * Whether any member enforces a policy revision. Such a member restores the policy if Redis lost it.
   *
   * @throws {RedisFault} as a rejection
   */
  async isEnforced(): Promise<boolean> {
    const { members, memberFacts, positions, events } = this.#keys
    const [, ...rest] = (await this.#scripts.list([members, memberFacts, positions, events], [])) as string[]
    for (let i = 0; i + 3 < rest.length; i += 4) {
      if (readMemberFacts(rest[i + 1], rest[i]!).policy_sequence !== null) return true
    }
    return false
  }

  /** Whether members are restoring data that Redis lost. @throws {RedisFault} as a rejection */
  async isSettling(): Promise<boolean> {
    return Number(await this.#client.call('EXISTS', this.#keys.settling)) === 1
  }
}

function text(reply: unknown): string | undefined {
  return typeof reply === 'string' ? reply : undefined
}
