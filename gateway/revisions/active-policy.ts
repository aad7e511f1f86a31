import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'
import type { SharedState } from '../cluster/shared-state.ts'
import { ConfigError, formatProblem } from '../config/problem.ts'
import { compilePolicy } from '../policy/compile.ts'
import type { PolicyRoom } from '../policy/open-policy.ts'
import type { PolicyFileEvents } from '../policy/policy-file.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import type { Envelopes } from './envelope.ts'
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
import { ACTIVATION_EVENT, type RevisionStore, type SealedPolicy } from './revision-store.ts'
import { openRevision } from './sealed-policy.ts'

/** Time between two reads of the activation, ms. An event can be lost, and an activation can be written without one. */
const CHECK_MS = 5000
/** The same for a process that receives no events. */
const POLL_MS = 1000
/** Time between attempts to apply an activation that this process could not apply, ms. */
const RETRY_MS = 5000

export type PolicyLog = (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void

export interface ActivePolicyDependencies {
  /** Folder for which the relative paths in the policy are meant. */
  readonly folder: string
  readonly publicUrls: readonly string[] | undefined
  readonly envelopes: Envelopes
  readonly copy: PolicyCopy
  /** Checks that the settings contain all that the policy needs. @throws {ConfigError} */
  readonly check: (snapshot: Snapshot) => void
  /**
   * A node follows the events of the cluster and restores what Redis lost. A worker reads Redis every second. A command
   * reads once, and writes no copy.
   */
  readonly role: 'node' | 'worker' | 'command'
  readonly log: PolicyLog
}

/** The policy that a process enforces, with the activation that made it active. */
export interface HeldPolicy {
  readonly activation: Activation
  readonly revision: Revision
  readonly sealed: SealedPolicy
  readonly snapshot: Snapshot
}

/** An activation that this process could not apply. */
export interface FailedActivation {
  readonly activation: Activation
  readonly problem: string
}

/** Causes for which a text from Redis is not accepted as policy. */
export type RefusalCause = 'forged' | 'unknown-key' | 'older' | 'unknown-form'

/**
 * The active policy of the cluster, as this process enforces it. The process applies every newer activation with a valid
 * MAC, and never returns to an older one.
 */
export class ActivePolicy implements PolicyRoom, SharedState, MetricSource {
  readonly kinds = [ACTIVATION_EVENT]
  readonly #dependencies: ActivePolicyDependencies
  readonly #task = new Supervisor('policy-watch')
  readonly #refused = new Map<RefusalCause, number>([
    ['forged', 0],
    ['unknown-key', 0],
    ['older', 0],
    ['unknown-form', 0],
  ])
  #held: HeldPolicy
  #failed: FailedActivation | undefined
  #failedAt = Number.NEGATIVE_INFINITY
  /**
   * True while this process cannot read the activation in Redis, which can be valid for others: it lacks the key of the
   * MAC, or a newer version wrote it.
   */
  #isUnreadable = false
  #store: RevisionStore | undefined
  #events: PolicyFileEvents | undefined
  #turn: Promise<void> = Promise.resolve()
  /** Text of the last refused activation, so that each is counted and logged once per read of a new text. */
  #refusedText = ''
  #compiled: { readonly hash: string; readonly base: HeldPolicy; readonly snapshot: Snapshot } | undefined
  #close = (): void => undefined

  /** @param failed  newer activation that this process could not apply when it started */
  constructor(dependencies: ActivePolicyDependencies, held: HeldPolicy, failed?: FailedActivation) {
    this.#dependencies = dependencies
    this.#held = held
    this.#failed = failed
  }

  get current(): Snapshot {
    return this.#held.snapshot
  }

  get held(): HeldPolicy {
    return this.#held
  }

  /** Newer activation that this process could not apply; `undefined` when it enforces the newest that it knows. */
  get failed(): FailedActivation | undefined {
    return this.#failed
  }

  /** Whether this process may enforce an older revision than Redis stores: it cannot read or apply the stored one. */
  get isHindered(): boolean {
    return this.#failed !== undefined || this.#isUnreadable
  }

  /** Whether the activation has a MAC by another key than the writing key. */
  get isMacOutdated(): boolean {
    const { envelopes } = this.#dependencies
    const opened = envelopes.open('activation', this.#held.sealed.activation)
    return 'fault' in opened || opened.key !== envelopes.writer
  }

  /** Reads revisions from this store from now on. */
  attach(store: RevisionStore): void {
    this.#store = store
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
    this.#failedAt = Number.NEGATIVE_INFINITY
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
    if (this.#compiled?.hash === hash && this.#compiled.base === this.#held) return this.#compiled.snapshot
    const snapshot = compilePolicy(sourceOf(files, folder), { previous: this.#held.snapshot, publicUrls })
    check(snapshot)
    this.#events?.prepare(snapshot)
    this.#compiled = { hash, base: this.#held, snapshot }
    return snapshot
  }

  collect(sink: MetricSink): void {
    const { activation } = this.#held
    sink.value(instruments.policyNumber, activation.number, {})
    sink.value(instruments.policyActivation, activation.sequence, {})
    sink.value(instruments.policyBehind, Number(this.isHindered), {})
    for (const [cause, count] of this.#refused) sink.value(instruments.policyRefused, count, { cause })
  }

  /** Runs changes of the policy one after another. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    await before
    try {
      await work()
    } finally {
      resolve()
    }
  }

  /** @param isStored  whether Redis stores the text as the newest activation */
  async #follow(text: string, isStored: boolean): Promise<void> {
    if (text === '') return this.#restore(text)
    const { envelopes } = this.#dependencies
    const opened = envelopes.open('activation', text)
    const activation = 'fault' in opened ? undefined : readActivation(opened.body)
    if (isStored) this.#isUnreadable = 'fault' in opened ? opened.fault === 'unknown-key' : activation === undefined
    if ('fault' in opened) {
      this.#refuse(opened.fault, text)
      // An envelope by a key that this process lacks can be valid for the other nodes.
      return isStored && opened.fault === 'forged' ? this.#restore(text) : undefined
    }
    if (activation === undefined) return this.#refuse('unknown-form', text)
    const order = compareActivations(activation, this.#held.activation)
    if (order > 0) return this.#take(activation, text)
    if (order < 0) {
      this.#refuse('older', text)
      return isStored ? this.#restore(text) : undefined
    }
    if (text !== this.#held.sealed.activation) await this.#adoptMacs(text)
  }

  async #take(activation: Activation, text: string): Promise<void> {
    const isRetry = this.#failed !== undefined && compareActivations(this.#failed.activation, activation) === 0
    if (isRetry && performance.now() - this.#failedAt < RETRY_MS) return
    const sealedRevision = await this.#store!.revision(activation.number)
    const sealed = { activation: text, number: activation.number, revision: sealedRevision ?? '' }
    const revision = this.#revisionOf(sealed, activation)
    if (revision === undefined) {
      this.#fail(activation, new Error(`revision ${activation.number} in Redis is missing or not authentic`))
      return
    }
    try {
      const snapshot = this.tryCandidate(revision.files)
      const commit = this.#events?.prepare(snapshot)
      keepCopy(this.#dependencies, { activation, sealed })
      commit?.()
      this.#held = { activation, revision, sealed, snapshot }
      this.#failed = undefined
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.#fail(activation, error)
      return
    }
    const { number, sequence, author, why } = activation
    const { message } = revision
    this.#dependencies.log('info', 'policy revision activated', { number, sequence, author, why, message })
  }

  /** Follows a rotation of the keys: the same activation has a MAC by another key. */
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

  /** Writes the policy of this node to Redis, where it is missing, older or forged. */
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

  #fail(activation: Activation, error: Error): void {
    const problem = error instanceof ConfigError ? error.problems.map(formatProblem).join('\n') : error.message
    this.#failedAt = performance.now()
    if (this.#failed?.problem !== problem || this.#failed.activation.sequence !== activation.sequence) {
      this.#events?.rejected(error)
    }
    this.#failed = { activation, problem }
  }
}
