import { performance } from 'node:perf_hooks'
import type { Expiries, Expiry } from '../base/expiries.ts'
import type { GrantListing, ServiceGrants } from '../credentials/service-grants.ts'
import type { KeySetStatus } from '../issuers/key-set.ts'
import type { OverloadStatus } from '../overload/overload.ts'
import type { Gate } from '../pipeline/gate.ts'
import { relaxationsOf } from '../policy/relaxations.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { VerifierStatus } from '../tokens/verifier.ts'
import { checkResults } from '../upstream/checks/health-rules.ts'
import type { KnownName } from '../upstream/names/known-name.ts'
import type { TargetRegistry } from '../upstream/target-registry.ts'
import { upstreamHost } from '../upstream/upstream-address.ts'
import type { NameView, NodeView, PolicyHistory, UpstreamView } from './dependencies.ts'
import type { NodeState } from './probes.ts'

/** Objects from which the admin plane reads the state of a node. */
export interface ReadingSources {
  readonly gate: Pick<Gate, 'node' | 'runtime' | 'keptBodies'>
  /** Version of Gatehouse. */
  readonly version: string
  readonly state: NodeState
  readonly history: PolicyHistory
  readonly issuerKeys: { status(): readonly KeySetStatus[] }
  readonly verifier: { status(): VerifierStatus }
  /** Returns the counters of each listener of the data plane; an empty list before the listeners are open. */
  readonly listeners: () => readonly { readonly inFlight: number; readonly connections: NodeView['connections'] }[]
  /** Returns the counters of the HTTP/2 listener; `undefined`: the node has no such listener. */
  readonly http2: () => NodeView['http2']
  readonly grants: Pick<ServiceGrants, 'list'>
  readonly lines: { readonly lost: number }
  readonly overload: { readonly status: OverloadStatus }
  readonly targets: Pick<TargetRegistry, 'ejections' | 'checksOf' | 'names'>
  readonly expiries: Pick<Expiries, 'list'>
  readonly warnings: readonly string[]
  /** Settings of the node that weaken security, each as one text. */
  readonly relaxations: readonly string[]
}

/** Current state of one node, read on each access. */
export class NodeReadings implements NodeView {
  readonly #sources: ReadingSources

  constructor(sources: ReadingSources) {
    this.#sources = sources
  }

  get id(): string {
    return this.#sources.gate.node
  }

  get version(): string {
    return this.#sources.version
  }

  get started(): boolean {
    return this.#sources.state.started
  }

  get ready(): boolean {
    return this.#sources.state.ready
  }

  get snapshot(): Snapshot {
    return this.#sources.gate.runtime.snapshot
  }

  get policy(): PolicyHistory {
    return this.#sources.history
  }

  get issuerKeys(): readonly KeySetStatus[] {
    return this.#sources.issuerKeys.status()
  }

  get grants(): GrantListing[] {
    return this.#sources.grants.list()
  }

  get verifier(): VerifierStatus {
    return this.#sources.verifier.status()
  }

  get connections(): NodeView['connections'] {
    const sum = { open: 0, opened: 0 }
    for (const { connections } of this.#sources.listeners()) {
      sum.open += connections.open
      sum.opened += connections.opened
    }
    return sum
  }

  get http2(): NodeView['http2'] {
    return this.#sources.http2()
  }

  get inFlight(): number {
    return this.#sources.listeners().reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  get overload(): OverloadStatus {
    return this.#sources.overload.status
  }

  get logLinesLost(): number {
    return this.#sources.lines.lost
  }

  /** Settings and policy entries that weaken security, each as one text. */
  get relaxations(): readonly string[] {
    return [...this.#sources.relaxations, ...relaxationsOf(this.snapshot)]
  }

  get warnings(): readonly string[] {
    return this.#sources.warnings
  }

  get expiries(): readonly Expiry[] {
    return this.#sources.expiries.list()
  }

  get keptBodiesBytes(): number {
    return this.#sources.gate.keptBodies.bytes
  }

  get retries(): NodeView['retries'] {
    const { snapshot, balancers } = this.#sources.gate.runtime
    return snapshot.services.map(({ id, index }) => ({ service: id, counts: balancers[index]?.retries.counts ?? [] }))
  }

  get upstreams(): readonly UpstreamView[] {
    const { snapshot, balancers } = this.#sources.gate.runtime
    const now = performance.now()
    const { targets } = this.#sources
    const unresolved = unresolvedNames(targets.names.all)
    return snapshot.services.flatMap(({ id, index }) => {
      const { members = [], slowStartMs = 0 } = balancers[index] ?? {}
      return members.map((member) => {
        const { origin, peer: address, protocol, connections, calls, limit, health } = member.target
        const isUnresolved = address === undefined && unresolved.has(upstreamHost(new URL(origin)))
        const state = isUnresolved ? 'unresolved' : member.stateAt(now, slowStartMs)
        const ejections = targets.ejections.of(id, origin)
        const { checks: record } = member.state
        const counts = record && targets.checksOf(id, origin)
        const checks = counts === undefined ? [] : checkResults.map((result) => [result, counts[result]] as const)
        const checked = { checks, lastCheck: record?.last }
        const own = { connections, calls, limit, resting: health.restUntil > now, state, ejections, ...checked }
        return { service: id, origin, address, protocol, weight: member.weight, ...own }
      })
    })
  }

  get names(): readonly NameView[] {
    const { names } = this.#sources.targets
    return [...names.all].map((known) => {
      const { name, addresses = [], counts, failure } = known
      return { name, addresses, counts, ageMs: names.ageMs(known), error: failure?.message }
    })
  }
}

/** Returns the names of upstreams that have no known address because their lookups fail. */
function unresolvedNames(names: Iterable<KnownName>): ReadonlySet<string> {
  const unresolved = new Set<string>()
  for (const { name, addresses, failure } of names)
    if (addresses === undefined && failure !== undefined) unresolved.add(name)
  return unresolved
}
