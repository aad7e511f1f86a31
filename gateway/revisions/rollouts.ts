import { performance } from 'node:perf_hooks'
import { memberId } from '../cluster/member.ts'
import { type ActivationReceipt, ActivationReceipts, type ReceiptCluster } from './activation-receipt.ts'
import type { ActivePolicy, PolicyLog } from './active-policy.ts'
import { type CanaryRow, type CanaryVerdict, canaryVerdict, compareRoutes } from './canary-verdict.ts'
import type { Envelopes } from './envelope.ts'
import { type Activation, type Canary, printActivation, type Revision, sourceOf } from './revision.ts'
import type { RevisionStore } from './revision-store.ts'
import { openReport, type RolloutReport } from './rollout-counts.ts'
import type { RolloutMetrics } from './rollout-metrics.ts'
import { openOutcome, outcomeOf, type RolloutEnd, type RolloutOutcome, sealOutcome } from './rollout-outcome.ts'
import type { RolloutStore } from './rollout-store.ts'
import { openRevision } from './sealed-policy.ts'

export interface RolloutsDependencies {
  readonly policy: ActivePolicy
  readonly store: RevisionStore
  readonly rollouts: RolloutStore
  readonly envelopes: Envelopes
  readonly cluster: ReceiptCluster
  readonly metrics: RolloutMetrics
  readonly log: PolicyLog
}

/** A running rollout, with the requests counted so far. */
export interface RunningRollout {
  readonly activation: Activation
  readonly canary: Canary
  /** The revision that the canary nodes try; `undefined` when Redis has lost it. */
  readonly revision: Revision | undefined
  readonly endsMs: number
  readonly nowMs: number
  readonly nodes: readonly CanaryNode[]
  readonly routes: readonly CanaryRow[]
  readonly verdict: CanaryVerdict
}

/** A node that was chosen to try a canary. `gone`: the node has stopped or was restarted. */
export interface CanaryNode {
  readonly node: string
  readonly state: 'enforces' | 'unable' | 'gone' | 'starting'
  readonly problem: string | undefined
}

export type EndedRollout =
  | { readonly state: 'ended'; readonly outcome: RolloutOutcome; readonly receipt: ActivationReceipt }
  /** Refusal: no rollout runs, or another change took place at the same time. */
  | { readonly state: 'none' }
  /** Refusal: Redis has lost the tried revision, so that it cannot be promoted. */
  | { readonly state: 'lost'; readonly number: number }

/** Compares the canary nodes with the other nodes of a rollout, and ends rollouts. */
export class Rollouts {
  readonly #dependencies: RolloutsDependencies
  readonly #receipts: ActivationReceipts
  /**
   * Route ids of the tried revision, with the hash of the revision. Cached, so that the policy files are parsed once.
   */
  #routes: { readonly hash: string; readonly ids: ReadonlySet<string> } | undefined

  constructor(dependencies: RolloutsDependencies) {
    this.#dependencies = dependencies
    this.#receipts = new ActivationReceipts(dependencies)
  }

  /**
   * Returns the outcome of the rollout that ended last; `undefined` when none is stored. @throws {RedisFault} as a
   * rejection
   */
  async last(): Promise<RolloutOutcome | undefined> {
    const { rollouts, envelopes } = this.#dependencies
    return openOutcome(envelopes, await rollouts.outcome())
  }

  /** Returns the running rollout; `undefined` when none runs. @throws {RedisFault} as a rejection */
  async running(): Promise<RunningRollout | undefined> {
    const { policy, store, rollouts, envelopes } = this.#dependencies
    const { activation, snapshot } = policy.held
    const { canary, sequence } = activation
    if (canary === undefined) return undefined
    const [nowMs, texts, living, text] = await Promise.all([
      rollouts.nowMs(),
      rollouts.reports(sequence),
      this.#living(),
      store.revision(canary.number),
    ])
    const reports = [...texts].flatMap(([member, sealed]) => openReport(envelopes, sealed, { sequence, member }) ?? [])
    const revision = openRevision(envelopes, text ?? '', canary)
    const nodes = canary.members.map((member) => nodeOf(member, { living, reports, canary }))
    const base = new Set(snapshot.routes.map(({ id }) => id))
    const routes = compareRoutes(reports, canary, { base, canary: this.#routesOf(revision) ?? base })
    const endsMs = Date.parse(canary.started) + canary.for_ms
    const isOver = nowMs >= endsMs
    const verdict = revision === undefined ? lostVerdict(canary) : verdictOf({ canary, nodes, routes, isOver })
    return { activation, canary, revision, endsMs, nowMs, nodes, routes, verdict }
  }

  /**
   * Ends the running rollout. Activates the tried revision if it is promoted, otherwise the active revision without a
   * canary.
   *
   * @param waitMs  longest wait for the acknowledgements of the members, ms
   * @param number  number of the tried revision of the rollout to end; `undefined`: any rollout
   * @throws {RedisFault} as a rejection
   */
  async end(end: Omit<RolloutEnd, 'ended'>, waitMs: number, number?: number): Promise<EndedRollout> {
    const { policy, store, rollouts, envelopes, metrics, log } = this.#dependencies
    await policy.check()
    const { activation, sealed, snapshot } = policy.held
    const { canary } = activation
    if (canary === undefined || (number ?? canary.number) !== canary.number) return { state: 'none' }
    const text = (await store.revision(canary.number)) ?? ''
    const revision = openRevision(envelopes, text, canary)
    const promoted = end.outcome === 'promoted' ? revision : undefined
    if (end.outcome === 'promoted' && promoted === undefined) return { state: 'lost', number: canary.number }
    const ended = new Date(await rollouts.nowMs()).toISOString()
    const outcome = outcomeOf(activation, canary, { ...end, ended })
    const next = nextActivation(activation, canary, outcome)
    // Store the policy revision with the highest number again, because an activation removes the revisions with higher
    // numbers.
    const kept = revision === undefined ? sealed : { number: canary.number, revision: text }
    const sealedNext = { ...kept, activation: envelopes.seal('activation', printActivation(next)) }
    const times = { sentMs: Date.now(), sentAt: performance.now(), waitMs }
    const written = await store.activate(sealedNext, sealed.activation, { outcome: sealOutcome(envelopes, outcome) })
    if (written === undefined) return { state: 'none' }
    metrics.count(outcome.outcome)
    log('info', 'policy rollout ended; `outcome` and `why` have the result', { ...outcome })
    const enforced = promoted === undefined ? snapshot.revision : sourceOf(promoted.files, '').revision
    const { sequence } = next
    const activated = { number: next.number, sequence, revisions: [enforced], before: snapshot, ...times }
    return { state: 'ended', outcome, receipt: await this.#receipts.collect(written, activated) }
  }

  /** Returns the keys of the members, and the ids of members that Redis has just lost. */
  async #living(): Promise<ReadonlySet<string>> {
    const { cluster } = this.#dependencies
    const members = await cluster.list()
    const lost = cluster.lostMembers(members).members
    return new Set([...members.map(({ key }) => key), ...lost.map(({ id }) => id)])
  }

  #routesOf(revision: Revision | undefined): ReadonlySet<string> | undefined {
    if (revision === undefined) return undefined
    const { hash, files } = revision
    if (this.#routes?.hash !== hash) {
      const { services } = sourceOf(files, '').document
      const ids = new Set(Object.values(services).flatMap((service) => service.routes.map(({ id }) => id)))
      this.#routes = { hash, ids }
    }
    return this.#routes.ids
  }
}

interface CanaryView {
  readonly living: ReadonlySet<string>
  readonly reports: readonly RolloutReport[]
  readonly canary: Canary
}

function nodeOf(member: string, { living, reports, canary }: CanaryView): CanaryNode {
  const node = memberId(member)
  const report = reports.find((each) => each.member === member)
  if (!living.has(member) && !living.has(node)) return { node, state: 'gone', problem: undefined }
  if (report?.problem !== undefined) return { node, state: 'unable', problem: report.problem }
  return { node, state: report?.number === canary.number ? 'enforces' : 'starting', problem: undefined }
}

interface Compared {
  readonly canary: Canary
  readonly nodes: readonly CanaryNode[]
  readonly routes: readonly CanaryRow[]
  readonly isOver: boolean
}

function verdictOf({ canary, nodes, routes, isOver }: Compared): CanaryVerdict {
  const problems = nodes.flatMap(({ node, problem }) => (problem === undefined ? [] : [{ node, problem }]))
  return canaryVerdict(routes, canary, { isOver, problems, isTried: nodes.some(({ state }) => state !== 'gone') })
}

function lostVerdict({ number }: Canary): CanaryVerdict {
  return { outcome: 'withdrawn', why: `Redis has lost revision ${number}` }
}

function nextActivation(began: Activation, canary: Canary, { outcome, by, ended }: RolloutOutcome): Activation {
  const common = { sequence: began.sequence + 1, author: by, time: ended }
  const { number, hash } = outcome === 'promoted' ? canary : began
  if (outcome === 'promoted') return { ...common, number, hash, why: 'promotion' }
  return { ...common, number, hash, why: 'withdrawal', highest: canary.number }
}
