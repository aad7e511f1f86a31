import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'
import type { MemberActivation } from '../cluster/cluster.ts'
import { neverRead, type ReadTime } from '../cluster/freshness.ts'
import type { SharedState } from '../cluster/shared-state.ts'
import { ConfigError } from '../config/problem.ts'
import { compilePolicy } from '../policy/compile.ts'
import type { PolicyRoom } from '../policy/open-policy.ts'
import type { PolicyFileEvents } from '../policy/policy-file.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import { CanaryTrial } from './canary-trial.ts'
import { type CompilerDependencies, compiledPolicy, type HeldPolicy } from './compiled-policy.ts'
import type { Envelopes, UnopenedEnvelope } from './envelope.ts'
import { type FailedActivation, Hindrance } from './hindrance.ts'
import { keepCopy } from './keep-copy.ts'
import type { PolicyCopy } from './policy-copy.ts'
import {
  type Activation,
  compareActivations,
  hashOf,
  type PolicyText,
  type Revision,
  readActivation,
  sourceOf,
} from './revision.ts'
import { ACTIVATION_EVENT, CANARY_EVENT, type RevisionStore, type SealedPolicy } from './revision-store.ts'
import { type FoundPolicy, openRevision } from './sealed-policy.ts'

/**
 * Time between two reads of the newest policy activation in Redis, ms. The reads are needed because an event can be
 * lost, and an activation can be written without an event.
 */
const CHECK_MS = 5000
/** Time between two reads of the newest policy activation in a process that receives no events (a worker), ms. */
const POLL_MS = 1000

/**
 * Time for which an activation whose MAC has an unknown key must stay in Redis before a node replaces it, ms. Counted
 * from the first read by the node. After a loss of data, the other processes need less time to report their keys again.
 */
const UNKNOWN_KEY_MS = 10_000

export type PolicyLog = (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void

export interface ActivePolicyDependencies extends CompilerDependencies {
  readonly envelopes: Envelopes
  readonly copy: PolicyCopy
  /**
   * Kind of this process. A node follows the events of the cluster, and restores what Redis lost. A worker reads Redis
   * every second. A command reads Redis once, and writes no copy of the policy to disk.
   */
  readonly role: 'node' | 'worker' | 'command'
  readonly log: PolicyLog
}

/** The parts of a node's cluster membership that the cluster policy needs. */
export interface Membership {
  /** Key of this node in the list of members. */
  readonly key: string
  /** Returns when this node sent the last read of the event log of which it has applied all events. */
  readonly lastRead: () => ReadTime
  /** Whether another process has this key of kind `policy`, or enforces a later activation than this node. */
  readonly isKnownElsewhere: (key: string) => Promise<boolean>
}

/** Causes for which this process refuses a policy activation from Redis. */
export type RefusalCause = 'forged' | 'unknown-key' | 'older' | 'unknown-form'

/**
 * The active policy of the cluster, as this process enforces it. The process applies every newer activation with a
 * valid MAC, and never returns to an older activation.
 */
export class ActivePolicy implements PolicyRoom, SharedState, MetricSource {
  readonly kinds = [ACTIVATION_EVENT, CANARY_EVENT]
  readonly #dependencies: ActivePolicyDependencies
  readonly #task = new Supervisor('policy-watch')
  readonly #refused = new Map<RefusalCause, number>([
    ['forged', 0],
    ['unknown-key', 0],
    ['older', 0],
    ['unknown-form', 0],
  ])
  readonly #hindrance = new Hindrance()
  readonly #trial: CanaryTrial
  #held: HeldPolicy
  /** Older policy on disk. This process starts with the older policy if it cannot be prepared for the newest one. */
  #older: FoundPolicy | undefined
  /** Returns the time of the last read of the event log, like `lastRead` of `Membership`. */
  #lastRead: () => ReadTime = () => neverRead
  #store: RevisionStore | undefined
  #events: PolicyFileEvents | undefined
  #turn: Promise<void> = Promise.resolve()
  /**
   * Text of the last refused activation. The text is compared, so that repeated reads of one activation are counted and
   * logged once.
   */
  #refusedText = ''
  /**
   * Activation in Redis whose MAC has a key that this process lacks, and the time at which this process first read that
   * activation, ms.
   */
  #unknown: { readonly text: string; readonly sinceMs: number; isLogged: boolean } | undefined
  /**
   * True once Redis has stored the activation of this process while the process ran. Otherwise, a node that was down
   * during a rotation of the keys could replace later activations, which it cannot read.
   */
  #isConfirmed = false
  /** Whether another process has this key of kind `policy`, or enforces a later activation than this process. */
  #isKnownElsewhere: (key: string) => Promise<boolean> = async () => true
  #compiled: { readonly hash: string; readonly base: Snapshot; readonly snapshot: Snapshot } | undefined
  #close = (): void => undefined

  /** @param older  authentic policy on disk that is older than `held` */
  constructor(dependencies: ActivePolicyDependencies, held: HeldPolicy, older?: FoundPolicy) {
    this.#dependencies = dependencies
    this.#held = held
    this.#older = older
    const { envelopes, log } = dependencies
    this.#trial = new CanaryTrial({ envelopes, log, compile: (files) => this.tryCandidate(files) })
  }

  /**
   * The policy by which this process decides: the active policy, or the canary policy that this process was chosen to
   * try.
   */
  get current(): Snapshot {
    return this.#trial.snapshot ?? this.#held.snapshot
  }

  /** The active policy of the cluster, as far as this process could read and apply it. */
  get held(): HeldPolicy {
    return this.#held
  }

  /**
   * Problem because of which this process does not enforce the canary that it was chosen to try; `undefined` for none.
   */
  get canaryProblem(): string | undefined {
    return this.#trial.problem
  }

  /** Newest activation that this process knows, if it could not apply that activation; else `undefined`. */
  get failed(): FailedActivation | undefined {
    return this.#hindrance.failed
  }

  /**
   * Whether this process may enforce an older revision than the active one, because it cannot read or apply the
   * activation in Redis.
   */
  get isHindered(): boolean {
    return this.#hindrance.exists
  }

  /** Whether Redis has a policy activation that this process cannot read. */
  get isUnreadable(): boolean {
    return this.#hindrance.isUnreadable
  }

  /**
   * Last read of the event log before this process first failed to read or apply the newest activation; `undefined`
   * when it enforces the newest activation.
   */
  get hinderedSince(): ReadTime | undefined {
    return this.#hindrance.since
  }

  /** The policy that this process enforces, in the form in which the process publishes it to the other members. */
  get published(): MemberActivation {
    const { number, sequence } = this.#held.activation
    const { canary } = this.#trial
    const failed = this.failed?.activation.sequence
    return { number: canary?.number ?? number, sequence, isCanary: canary !== undefined, failed }
  }

  /** Whether the MAC of the activation in force was made with an earlier key than the one that now makes new MACs. */
  get isMacOutdated(): boolean {
    const { envelopes } = this.#dependencies
    const opened = envelopes.open('activation', this.#held.sealed.activation)
    return 'fault' in opened || opened.key !== envelopes.writer
  }

  /**
   * Reads policy revisions from this store from now on.
   *
   * @param membership  membership of this process in the cluster; `undefined` if the process is not a node
   */
  attach(store: RevisionStore, membership?: Membership): void {
    this.#store = store
    if (membership === undefined) return
    this.#lastRead = membership.lastRead
    this.#isKnownElsewhere = membership.isKnownElsewhere
    this.#trial.member = membership.key
  }

  /**
   * Records and logs that this process starts with an older policy from its disk, because it cannot enforce the active
   * policy.
   */
  startWithout(activation: Activation, error: ConfigError): void {
    this.#hindrance.fail(activation, error)
    this.#hindrance.settle(neverRead)
    const { number } = activation
    this.#dependencies.log('error', 'the active policy is invalid on this node; starting with the copy on disk', {
      number,
      problems: error.problems,
    })
  }

  begin<Prepared>(prepare: (snapshot: Snapshot) => Prepared): Prepared {
    const prepared = this.#begun(prepare)
    if (this.failed === undefined) keepCopy(this.#dependencies, this.#held)
    this.#older = undefined
    return prepared
  }

  watch(events: PolicyFileEvents): void {
    this.#events = events
    const pauseMs = this.#dependencies.role === 'node' ? CHECK_MS : POLL_MS
    this.#close = this.#task.repeat(pauseMs, async () => {
      if (this.#store?.connected === true) await this.check()
    })
  }

  reload(): void {
    if (this.#events === undefined) return
    this.#hindrance.retry()
    void this.#task.attempt(() => this.check())
  }

  close(): void {
    this.#close()
  }

  /** Applies the activation of an event. The promise resolves when the activation was applied or refused. */
  apply(_kind: string, payload: Buffer): Promise<void> {
    return this.#task.attempt(() => this.#inTurn(() => this.#follow(payload.toString(), false)))
  }

  catchUp(): Promise<void> {
    return this.check()
  }

  /**
   * Reads the newest activation from Redis, and applies it if it is newer. A node restores what Redis lost.
   *
   * @throws {RedisFault} as a rejection
   */
  check(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#store !== undefined) await this.#follow(await this.#store.activation(), true)
    })
  }

  /**
   * Compiles a policy and prepares the node for it, without changing anything in use.
   *
   * @throws {ConfigError} with all problems
   */
  tryCandidate(files: readonly PolicyText[]): Snapshot {
    const { check, folder, publicUrls } = this.#dependencies
    const hash = hashOf(files)
    if (this.#compiled?.hash === hash && this.#compiled.base === this.#held.snapshot) return this.#compiled.snapshot
    const snapshot = compilePolicy(sourceOf(files, folder), { previous: this.#held.snapshot, publicUrls })
    check(snapshot)
    this.#events?.prepare(snapshot)
    this.#compiled = { hash, base: this.#held.snapshot, snapshot }
    return snapshot
  }

  collect(sink: MetricSink): void {
    const { number, sequence } = this.published
    sink.value(instruments.policyNumber, number, {})
    sink.value(instruments.policyActivation, sequence, {})
    sink.value(instruments.policyBehind, Number(this.isHindered), {})
    for (const [cause, count] of this.#refused) sink.value(instruments.policyRefused, count, { cause })
  }

  /** Runs changes of the policy in this process one after another. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    // Note the last read before the change: if the change cannot be applied, the policy of this process counts as
    // outdated from before the change.
    const lastRead = this.#lastRead()
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    await before
    try {
      await work()
    } finally {
      this.#hindrance.settle(lastRead)
      resolve()
    }
  }

  #begun<Prepared>(prepare: (snapshot: Snapshot) => Prepared): Prepared {
    try {
      return prepare(this.current)
    } catch (error) {
      const older = this.#older
      if (!(error instanceof ConfigError) || older === undefined) throw error
      this.startWithout(this.#held.activation, error)
      this.#held = compiledPolicy(this.#dependencies, older)
      return prepare(this.current)
    }
  }

  /** @param isStored  whether Redis stores the text as the newest activation */
  async #follow(text: string, isStored: boolean): Promise<void> {
    if (text === '') return this.#restore(text)
    const { envelopes } = this.#dependencies
    const opened = envelopes.open('activation', text)
    const activation = 'fault' in opened ? undefined : readActivation(opened.body)
    const isUnreadable = 'fault' in opened ? opened.fault === 'unknown-key' : activation === undefined
    if (isStored) this.#hindrance.isUnreadable = isUnreadable
    if ('fault' in opened || activation === undefined) {
      this.#refuse('fault' in opened ? opened.fault : 'unknown-form', text)
      // Read Redis: the activation came with an event, which does not prove that Redis stores it.
      if (isUnreadable && !isStored) return this.#follow(await this.#store!.activation(), true)
      if (isStored && 'fault' in opened) return this.#replace(text, opened)
      return undefined
    }
    if (isStored) this.#unknown = undefined
    const order = compareActivations(activation, this.#held.activation)
    if (order > 0) return this.#take(activation, text)
    if (order < 0) {
      this.#refuse('older', text)
      return isStored ? this.#restore(text) : undefined
    }
    // Note that Redis stores the activation of this process. If this process failed to apply a later activation, Redis
    // has lost it, and a member that enforces the later activation restores it.
    if (isStored) {
      this.#hindrance.clear()
      this.#isConfirmed = true
    }
    if (text !== this.#held.sealed.activation) await this.#adoptMacs(text)
  }

  /** Replaces an activation in Redis that is forged, or whose MAC has a key that no process of the cluster has. */
  async #replace(text: string, { fault, key }: UnopenedEnvelope): Promise<void> {
    if (fault === 'forged') return this.#restore(text)
    const nowMs = performance.now()
    if (this.#unknown?.text !== text) this.#unknown = { text, sinceMs: nowMs, isLogged: false }
    if (!this.#isConfirmed || nowMs - this.#unknown.sinceMs < UNKNOWN_KEY_MS) return
    const isKnown = await this.#isKnownElsewhere(key!)
    const message = isKnown
      ? 'this node lacks the key that authenticates the policy activation in Redis; other nodes may have the key'
      : 'no process has the key that authenticates the policy activation in Redis'
    if (!this.#unknown.isLogged) this.#dependencies.log('warn', message, { key: key!.slice(0, 64) })
    this.#unknown.isLogged = isKnown
    if (isKnown) return
    await this.#restore(text)
  }

  async #take(activation: Activation, text: string): Promise<void> {
    if (this.#hindrance.isTooSoonFor(activation)) return
    const isSame = isSameRevision(activation, this.#held.activation)
    const canary = this.#trial.chosenFor(activation)
    const [sealedRevision, sealedCanary] = await Promise.all([
      isSame ? this.#held.sealed.revision : this.#store!.revision(activation.number),
      canary && this.#store!.revision(canary.number),
    ]).catch((fault) => {
      this.#hindrance.fail(activation, fault)
      throw fault
    })
    const sealed = { activation: text, number: activation.number, revision: sealedRevision ?? '' }
    const revision = this.#revisionOf(sealed, activation)
    if (revision === undefined) {
      this.#fail(activation, new Error(`revision ${activation.number} in Redis is missing or not authentic`))
      return
    }
    try {
      const snapshot = isSame ? this.#held.snapshot : this.tryCandidate(revision.files)
      const isInForce = isSame && this.#trial.canary === undefined
      const commit = isInForce ? undefined : this.#events?.prepare(snapshot)
      keepCopy(this.#dependencies, { activation, sealed })
      commit?.()
      this.#trial.end()
      this.#held = { activation, revision, sealed, snapshot }
      this.#hindrance.clear()
      this.#isConfirmed = true
      // Begin the policy canary in the same tick: a member that acknowledges the activation must already enforce its
      // canary.
      if (canary !== undefined) this.#trial.begin(canary, sealedCanary ?? '', this.#events)
    } catch (error) {
      this.#fail(activation, error)
      if (error instanceof ConfigError) return
      throw error
    }
    const { number, sequence, author, why } = activation
    const { message } = revision
    this.#dependencies.log('info', 'policy revision activated', { number, sequence, author, why, message })
  }

  /** Takes over the new MACs of the active policy after a rotation of the keys. The activation itself is unchanged. */
  async #adoptMacs(text: string): Promise<void> {
    const revision = await this.#store!.revision(this.#held.activation.number)
    const sealed = { activation: text, number: this.#held.activation.number, revision: revision ?? '' }
    if (this.#revisionOf(sealed, this.#held.activation) === undefined) return
    this.#held = { ...this.#held, sealed }
    keepCopy(this.#dependencies, this.#held)
  }

  #revisionOf(sealed: SealedPolicy, activation: Activation): Revision | undefined {
    return openRevision(this.#dependencies.envelopes, sealed.revision, activation)
  }

  /**
   * Writes the policy of this node to Redis, where the policy is missing, older or forged. Does nothing on a process
   * that is not a node.
   */
  async #restore(found: string): Promise<void> {
    const { role, log } = this.#dependencies
    if (role !== 'node') return
    const { sealed, activation } = this.#held
    const { number, sequence } = activation
    if (await this.#store!.restore(sealed, found)) {
      log('warn', 'this node has restored the active policy to Redis', { number, sequence })
    }
  }

  #refuse(cause: RefusalCause, text: string): void {
    if (text === this.#refusedText) return
    this.#refusedText = text
    this.#refused.set(cause, this.#refused.get(cause)! + 1)
    this.#dependencies.log('error', 'policy activation from Redis refused; the policy in force stays active', {
      cause,
      number: this.#held.activation.number,
    })
  }

  #fail(activation: Activation, error: unknown): void {
    if (this.#hindrance.fail(activation, error)) this.#events?.rejected(error)
  }
}

/** Whether two policy activations name the same revision. */
function isSameRevision(a: Activation, b: Activation): boolean {
  return a.number === b.number && a.hash === b.hash
}
