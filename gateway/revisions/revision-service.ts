import { performance } from 'node:perf_hooks'
import { PacedQueue } from '../base/paced-queue.ts'
import type { MemberListing } from '../cluster/member.ts'
import { ConfigError, type Problem } from '../config/problem.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import { type ActivationReceipt, ActivationReceipts, type ReceiptCluster } from './activation-receipt.ts'
import type { ActivePolicy, PolicyLog } from './active-policy.ts'
import { type CanaryOrder, canaryObstacles, chooseCanaryMembers, memberObstacles } from './canary-order.ts'
import { collectVotes } from './collect-votes.ts'
import type { HeldPolicy } from './compiled-policy.ts'
import type { Envelopes } from './envelope.ts'
import {
  type Activation,
  type Canary,
  hashOf,
  highestNumber,
  type PolicyText,
  printActivation,
  printRevision,
  type Revision,
  type RevisionFacts,
  readRevision,
  sourceOf,
} from './revision.ts'
import { ACTIVATION_EVENT, CANARY_EVENT, type RevisionStore, type SealedPolicy } from './revision-store.ts'
import type { RolloutMetrics } from './rollout-metrics.ts'
import { outcomeOf, sealOutcome } from './rollout-outcome.ts'
import { openRevision } from './sealed-policy.ts'
import type { Objection, VoteProblem } from './vote.ts'

/** Maximum number of policy comparisons that run or wait at the same time. */
const COMPARISONS_MAX = 8

export interface RevisionServiceDependencies {
  readonly policy: ActivePolicy
  readonly metrics: Pick<RolloutMetrics, 'count'>
  readonly store: RevisionStore
  readonly envelopes: Envelopes
  readonly cluster: ReceiptCluster
  readonly log: PolicyLog
}

/** An order to change the policy of the cluster. */
export interface PolicyOrder {
  /** Files of the new policy, or a function that makes these files from the files of the active revision. */
  readonly files: readonly PolicyText[] | ((active: readonly PolicyText[]) => readonly PolicyText[])
  /** Authenticated caller that orders the change. */
  readonly author: string
  readonly message: string
  /**
   * Number of the revision on which the caller based the change. If another revision is active, the change is refused.
   * `undefined`: no check.
   */
  readonly against: number | undefined
  /** Longest wait for the acknowledgements of the members, ms. */
  readonly waitMs: number
  /**
   * Compares the new policy with the active revision, before the gate reads a secret or a file that the policy names.
   * Throws to refuse the change. The new policy becomes active only if the compared revision is still active.
   */
  readonly review?: ((active: Revision, files: readonly PolicyText[]) => void) | undefined
  /**
   * Order to try the policy on a share of the nodes first; `undefined`: the policy becomes active on all nodes at once.
   */
  readonly canary?: CanaryOrder | undefined
}

export type PolicyOutcome =
  | { readonly outcome: 'activated'; readonly receipt: ActivationReceipt }
  /**
   * Result: some nodes try the policy. `receipt.number` is the number of its revision; the active revision stays
   * active.
   */
  | { readonly outcome: 'started'; readonly receipt: ActivationReceipt; readonly canary: Canary }
  /** Refusal: a rollout runs; `number` is the revision that is tried. */
  | { readonly outcome: 'rollout'; readonly number: number }
  /** Refusal: the policy, or the cluster, cannot have a canary. */
  | { readonly outcome: 'no-canary'; readonly problems: readonly VoteProblem[] }
  /** Result: nothing to do, because the files are those of the active revision. */
  | { readonly outcome: 'unchanged'; readonly number: number }
  /** Refusal: another revision is active than the caller compared with. `since` lists the revisions after it. */
  | {
      readonly outcome: 'conflict'
      readonly number: number
      readonly since: readonly RevisionFacts[]
      /** Whether Redis has a policy activation that this node cannot read. */
      readonly isUnreadable: boolean
    }
  /** Refusal: the policy is invalid. */
  | { readonly outcome: 'invalid'; readonly problems: readonly Problem[] }
  /** Refusal: some members could not enforce the policy. */
  | { readonly outcome: 'rejected'; readonly objections: readonly Objection[] }

/** Changes the policy of the cluster, and lists its revisions. For the admin API. */
export class RevisionService {
  /** Queue for comparisons of policies. Each comparison compiles two policies. */
  readonly comparisons = new PacedQueue(COMPARISONS_MAX)
  readonly #dependencies: RevisionServiceDependencies
  readonly #receipts: ActivationReceipts

  constructor(dependencies: RevisionServiceDependencies) {
    this.#dependencies = dependencies
    this.#receipts = new ActivationReceipts(dependencies)
  }

  /** The active policy of the cluster, as far as this node could read and apply it. */
  get active(): HeldPolicy {
    return this.#dependencies.policy.held
  }

  /** Number of the revision that was active before the active one. Numbers between them belong to withdrawn revisions. */
  get before(): number {
    const { revision, activation } = this.active
    return revision.replaces ?? activation.number - 1
  }

  /** Lists the revisions that Redis keeps, the newest first. @throws {RedisFault} as a rejection */
  async list(): Promise<RevisionFacts[]> {
    const texts = await this.#dependencies.store.revisions()
    const listed = [...texts].flatMap(([number, text]) => this.#opened(Number(number), text) ?? [])
    return listed.sort((a, b) => b.number - a.number).map(factsOf)
  }

  /**
   * Reads a revision of the cluster policy; `undefined` when Redis does not keep it or it is not authentic.
   *
   * @throws {RedisFault} as a rejection
   */
  async find(number: number): Promise<Revision | undefined> {
    if (number === this.active.activation.number) return this.active.revision
    const text = await this.#dependencies.store.revision(number)
    return text === undefined ? undefined : this.#opened(number, text)
  }

  /**
   * Compiles a policy on this node, like a policy on which the node votes. Does not activate the policy.
   *
   * @throws {ConfigError} with all problems
   */
  tryCandidate(files: readonly PolicyText[]): Snapshot {
    return this.#dependencies.policy.tryCandidate(files)
  }

  /**
   * Makes a policy the active policy of the cluster, if every member can enforce it. Otherwise nothing changes.
   *
   * @throws {RedisFault} as a rejection
   */
  apply(order: PolicyOrder): Promise<PolicyOutcome> {
    return this.#change(order, 'apply')
  }

  /**
   * Makes a new revision with the content of an earlier one, and activates it.
   *
   * @param to  number of the earlier revision; `undefined`: the revision before the active one. A caller that may
   *   repeat the call must pass `to` or `against`
   * @returns `undefined` when the earlier revision is not kept
   * @throws {RedisFault} as a rejection
   */
  async rollback(to: number | undefined, order: Omit<PolicyOrder, 'files'>): Promise<PolicyOutcome | undefined> {
    const { policy } = this.#dependencies
    await policy.check()
    const { number } = this.active.activation
    const { against = number } = order
    if (to === undefined && against !== number) return this.#conflict(against)
    const earlier = await this.find(to ?? this.before)
    if (earlier === undefined) return undefined
    return this.#change({ ...order, files: earlier.files, against }, 'rollback')
  }

  /**
   * Renews the MACs of the activation and of every kept revision, with the key that now makes new MACs.
   *
   * @throws {RedisFault} as a rejection
   */
  async renewMacs(): Promise<void> {
    const { store, envelopes } = this.#dependencies
    const renewed = (kind: 'revision' | 'activation', text: string): string | undefined => {
      const opened = envelopes.open(kind, text)
      if ('fault' in opened || opened.key === envelopes.writer) return undefined
      return envelopes.seal(kind, opened.body)
    }
    for (const [number, text] of await store.revisions()) {
      const fresh = renewed('revision', text)
      if (fresh !== undefined) await store.replaceEnvelope(Number(number), text, fresh)
    }
    const text = await store.activation()
    const fresh = text === '' ? undefined : renewed('activation', text)
    if (fresh !== undefined) await store.replaceEnvelope(undefined, text, fresh)
  }

  async #change(order: PolicyOrder, why: Activation['why']): Promise<PolicyOutcome> {
    const { policy, store, envelopes, log } = this.#dependencies
    await policy.check()
    const base = this.active
    const { author, message, against, waitMs } = order
    const files = typeof order.files === 'function' ? order.files(base.revision.files) : order.files
    const hash = hashOf(files)
    // Check for unchanged files before `against`: a caller that received no reply can then repeat the same change.
    const running = base.activation.canary
    // End a running rollout for a rollback, even if the requested policy equals the active one.
    const endsRollout = why === 'rollback' && running !== undefined
    if (hash === base.activation.hash && !endsRollout) {
      return { outcome: 'unchanged', number: base.activation.number }
    }
    if (running !== undefined && why === 'apply') return { outcome: 'rollout', number: running.number }
    if (against !== undefined && against !== base.activation.number) return this.#conflict(against)
    order.review?.(base.revision, files)
    const invalid = this.#problemsOf(files)
    if (invalid !== undefined) return { outcome: 'invalid', problems: invalid }
    const obstacles = order.canary === undefined ? [] : await this.#canaryObstacles(base, files)
    if (obstacles.length > 0) return { outcome: 'no-canary', problems: obstacles }
    const number = (await this.#highest(highestNumber(base.activation))) + 1
    const facts = { number, hash, author, time: new Date().toISOString() }
    const replaced = base.activation.number
    const proposed: Revision = { ...facts, message, files, replaces: replaced === number - 1 ? undefined : replaced }
    const { objections, ...votes } = await collectVotes(this.#dependencies, {
      follows: base.activation.sequence,
      revision: proposed,
    })
    if (objections.length > 0) {
      // Check first whether another change was activated meanwhile, because members then vote no.
      await policy.check()
      if (this.active.activation.sequence !== base.activation.sequence) return this.#conflict(base.activation.number)
      log('warn', 'policy not activated: some nodes cannot enforce the policy', { number, author, objections })
      return { outcome: 'rejected', objections }
    }
    const { time } = votes
    const sequence = votes.sequence + 1
    const followers = order.canary === undefined ? [] : await this.#followers()
    // Check the members again for a canary: during the vote, a node can stop, or a node of an older version can join.
    const lacking = order.canary === undefined ? [] : memberObstacles(followers)
    if (lacking.length > 0) return { outcome: 'no-canary', problems: lacking }
    const canary = order.canary && canaryOf(order.canary, followers, { ...facts, time })
    const enforced =
      canary === undefined ? facts : { author, number: base.activation.number, hash: base.activation.hash }
    const activation = printActivation({
      ...enforced,
      time,
      sequence,
      why: canary === undefined ? why : 'canary',
      canary,
    })
    const revision = envelopes.seal('revision', printRevision(proposed))
    const sealed: SealedPolicy = { activation: envelopes.seal('activation', activation), number, revision }
    const aborted = running && outcomeOf(base.activation, running, { ...rolledBack, by: author, ended: time })
    const times = { sentMs: Date.now(), sentAt: performance.now(), waitMs }
    const written = await store.activate(sealed, base.sealed.activation, {
      kind: canary === undefined ? ACTIVATION_EVENT : CANARY_EVENT,
      outcome: aborted && sealOutcome(envelopes, aborted),
    })
    if (written === undefined) return this.#conflict(base.activation.number)
    if (aborted !== undefined) this.#dependencies.metrics.count(aborted.outcome)
    const revisions = [policy.tryCandidate(files).revision, ...(canary === undefined ? [] : [base.snapshot.revision])]
    const activated = { number, sequence, revisions, before: base.snapshot, ...times }
    const receipt = await this.#receipts.collect(written, activated)
    return canary === undefined ? { outcome: 'activated', receipt } : { outcome: 'started', receipt, canary }
  }

  /**
   * Lists the problems because of which the policy cannot be tried as a canary, or the cluster cannot try one.
   *
   * @throws {RedisFault} as a rejection
   */
  async #canaryObstacles(base: HeldPolicy, files: readonly PolicyText[]): Promise<readonly VoteProblem[]> {
    const before = { document: sourceOf(base.revision.files, '').document, snapshot: base.snapshot }
    const after = { document: sourceOf(files, '').document, snapshot: this.tryCandidate(files) }
    return [...canaryObstacles(before, after), ...memberObstacles(await this.#followers())]
  }

  /** Lists the members that enforce the policy of the cluster. @throws {RedisFault} as a rejection */
  async #followers(): Promise<MemberListing[]> {
    return (await this.#dependencies.cluster.list()).filter(({ policy_sequence }) => policy_sequence !== null)
  }

  /**
   * Returns the highest number of an authentic revision, at least `active`. Invented numbers must not raise the next
   * number: Redis keeps only the revisions with the highest numbers, so a jump would delete all of them.
   */
  async #highest(active: number): Promise<number> {
    const { store } = this.#dependencies
    for (const number of (await store.numbers()).filter((each) => each > active).toSorted((a, b) => b - a)) {
      if ((await this.find(number)) !== undefined) return number
    }
    return active
  }

  #problemsOf(files: readonly PolicyText[]): readonly Problem[] | undefined {
    try {
      this.#dependencies.policy.tryCandidate(files)
      return undefined
    } catch (error) {
      if (error instanceof ConfigError) return error.problems
      throw error
    }
  }

  async #conflict(against: number): Promise<PolicyOutcome> {
    const { policy } = this.#dependencies
    await policy.check()
    const { number } = this.active.activation
    const since = (await this.list()).filter((each) => each.number > against)
    return { outcome: 'conflict', number, since, isUnreadable: policy.isUnreadable }
  }

  #opened(number: number, text: string): Revision | undefined {
    const { envelopes } = this.#dependencies
    const opened = envelopes.open('revision', text)
    const hash = 'fault' in opened ? undefined : readRevision(opened.body)?.hash
    return hash === undefined ? undefined : openRevision(envelopes, text, { number, hash })
  }
}

const rolledBack = { outcome: 'aborted', why: 'a rollback activated an earlier revision' } as const

/** Orders a canary on some of the members. */
function canaryOf(
  { percent, forMs, maxFaultsPercent, maxNewDenialsPercent }: CanaryOrder,
  members: readonly MemberListing[],
  { number, hash, time: started }: Pick<Revision, 'number' | 'hash' | 'time'>,
): Canary {
  return {
    number,
    hash,
    members: chooseCanaryMembers(members, percent, hash),
    started,
    for_ms: forMs,
    max_faults_percent: maxFaultsPercent,
    max_new_denials_percent: maxNewDenialsPercent,
  }
}

function factsOf({ number, hash, author, message, time }: Revision): RevisionFacts {
  return { number, hash, author, message, time }
}
