import { KEEP_EVENTS_MS } from '../cluster/event.ts'
import { readMemberFacts } from '../cluster/member.ts'
import { readWrittenEvent, type WrittenEvent } from '../cluster/written-event.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'

/** Kinds of the events about the policy. */
export const ACTIVATION_EVENT = 'policy'
export const CANDIDATE_EVENT = 'policy-candidate'
/** Kind of an activation with a canary. A member that does not apply this kind does not know canaries. */
export const CANARY_EVENT = 'policy-canary'

/** Number of revisions that Redis keeps. */
const KEPT_REVISIONS = 200
/** Lifetime of a candidate and its votes, ms: longer than the wait for votes. */
const CANDIDATE_MS = 60_000

/** An activation with its revision, as envelopes. */
export interface SealedPolicy {
  readonly activation: string
  readonly number: number
  readonly revision: string
}

interface ActivateOptions {
  /** Kind of the event. */
  readonly kind?: typeof ACTIVATION_EVENT | typeof CANARY_EVENT
  /** Envelope of the outcome of the rollout that the activation ends. */
  readonly outcome?: string | undefined
}

/** Reads and writes the revisions, the activation and the candidates in Redis. Nothing that it reads is verified. */
export class RevisionStore {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #scripts: Readonly<Record<'activate' | 'restore' | 'propose' | 'renew' | 'list', RedisScript>>

  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client
    this.#keys = keys
    this.#scripts = {
      activate: client.script(new URL('./activate-policy.lua', import.meta.url)),
      restore: client.script(new URL('./restore-policy.lua', import.meta.url)),
      propose: client.script(new URL('./propose-policy.lua', import.meta.url)),
      renew: client.script(new URL('./renew-macs.lua', import.meta.url)),
      list: client.script(new URL('../cluster/list-members.lua', import.meta.url)),
    }
  }

  get connected(): boolean {
    return this.#client.ready
  }

  /** Envelope of the newest activation; `''` when it is missing. @throws {RedisFault} as a rejection */
  async activation(): Promise<string> {
    return text(await this.#client.call('GET', this.#keys.policyActivation)) ?? ''
  }

  /** Envelope of a revision. @throws {RedisFault} as a rejection */
  async revision(number: number): Promise<string | undefined> {
    return text(await this.#client.call('HGET', this.#keys.policyRevisions, String(number)))
  }

  /** Envelopes of all kept revisions, by number. @throws {RedisFault} as a rejection */
  async revisions(): Promise<ReadonlyMap<string, string>> {
    const pairs = (await this.#client.call('HGETALL', this.#keys.policyRevisions)) as string[]
    const map = new Map<string, string>()
    for (let i = 0; i + 1 < pairs.length; i += 2) map.set(pairs[i]!, pairs[i + 1]!)
    return map
  }

  /** Numbers of the kept revisions, in no order. @throws {RedisFault} as a rejection */
  async numbers(): Promise<number[]> {
    const numbers = (await this.#client.call('HKEYS', this.#keys.policyRevisions)) as string[]
    return numbers.map(Number).filter(Number.isSafeInteger)
  }

  /**
   * Activates a revision.
   *
   * @param sealed  the activation, and the revision with the highest number. It is another revision than the active one
   *   when the activation begins a canary, or withdraws it
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
   * Puts back what Redis lost.
   *
   * @param expected  present value of the activation; `''` when it is missing
   * @returns whether the activation was put back
   * @throws {RedisFault} as a rejection
   */
  async restore({ activation, number, revision }: SealedPolicy, expected: string): Promise<boolean> {
    const { events, policyRevisions, policyActivation } = this.#keys
    const terms = [ACTIVATION_EVENT, activation, expected, number, revision, KEEP_EVENTS_MS]
    return Number(await this.#scripts.restore([events, policyRevisions, policyActivation], terms)) === 1
  }

  /** Asks every member for its vote. @throws {RedisFault} as a rejection */
  async propose(id: string, candidate: string): Promise<WrittenEvent> {
    const { events, members, memberFacts } = this.#keys
    const names = [events, members, memberFacts, this.#keys.policyCandidate(id), this.#keys.policyVotes(id)]
    const terms = [CANDIDATE_EVENT, id, candidate, CANDIDATE_MS, KEEP_EVENTS_MS]
    return readWrittenEvent((await this.#scripts.propose(names, terms)) as string[])
  }

  /** Envelope of a candidate; `undefined` after its lifetime. @throws {RedisFault} as a rejection */
  async candidate(id: string): Promise<string | undefined> {
    return text(await this.#client.call('GET', this.#keys.policyCandidate(id)))
  }

  /** @throws {RedisFault} as a rejection */
  async vote(id: string, node: string, vote: string): Promise<void> {
    await this.#client.call('HSET', this.#keys.policyVotes(id), node, vote)
    await this.#client.call('PEXPIRE', this.#keys.policyVotes(id), CANDIDATE_MS)
  }

  /** Votes of the nodes on a proposed policy, by node id. @throws {RedisFault} as a rejection */
  async votes(id: string): Promise<ReadonlyMap<string, string>> {
    const pairs = (await this.#client.call('HGETALL', this.#keys.policyVotes(id))) as string[]
    const map = new Map<string, string>()
    for (let i = 0; i + 1 < pairs.length; i += 2) if (pairs[i] !== '') map.set(pairs[i]!, pairs[i + 1]!)
    return map
  }

  /**
   * Replaces an envelope by one with a MAC by another key.
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

  /** Whether Redis has an epoch, so that it is neither new nor has it lost its data. @throws {RedisFault} */
  async hasEpoch(): Promise<boolean> {
    return Number(await this.#client.call('EXISTS', this.#keys.epoch)) === 1
  }

  /** Whether a member enforces a revision. Such a member restores the policy if Redis lost it. @throws {RedisFault} */
  async isEnforced(): Promise<boolean> {
    const { members, memberFacts, positions, events } = this.#keys
    const [, ...rest] = (await this.#scripts.list([members, memberFacts, positions, events], [])) as string[]
    for (let i = 0; i + 2 < rest.length; i += 3) {
      if (readMemberFacts(rest[i + 1], rest[i]!).policy_sequence !== null) return true
    }
    return false
  }

  /** Whether members restore the data that Redis lost. @throws {RedisFault} as a rejection */
  async isSettling(): Promise<boolean> {
    return Number(await this.#client.call('EXISTS', this.#keys.settling)) === 1
  }
}

function text(reply: unknown): string | undefined {
  return typeof reply === 'string' ? reply : undefined
}
