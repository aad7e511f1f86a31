import { refusalOf } from '../../base/guarded-lookup.ts'
import { Semaphore } from '../../base/semaphore.ts'
import { processTimers, Supervisor, type TaskTimers } from '../../base/supervisor.ts'
import { KnownName, type LookupFailure } from './known-name.ts'
import { isMissing, type NameResolver, type ResolvedName } from './name-resolver.ts'

/**
 * Maximum time for which a lookup waits until other lookups have ended, ms. After this time, the lookup is skipped
 * until its next time.
 */
const WAIT_MS = 60_000
/** Default time between two lookups of a name whose TTL is not known, ms. */
const REFRESH_MS = 5000

type Log = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

export interface UpstreamNamesOptions {
  readonly log: Log
  /** Called after each lookup of a name. @param isChanged  whether the addresses of the name have changed */
  readonly onLookup: (name: string, isChanged: boolean) => void
  readonly timers?: TaskTimers | undefined
  readonly resolver: NameResolver
  /** Time between two lookups of a name whose TTL is not known, ms. Default: 5000. */
  readonly refreshMs?: number | undefined
  /** Returns a random number from 0 to 1, 1 excluded. */
  readonly random?: () => number
}

/**
 * Addresses of the names of upstreams. Each name is looked up on its own timer. While lookups fail, the latest addresses
 * stay in use for a limited time.
 */
export class UpstreamNames {
  readonly #options: UpstreamNamesOptions
  readonly #timers: TaskTimers
  readonly #task: Supervisor
  readonly #refreshMs: number
  readonly #random: () => number
  /** Slots for the lookups that run at the same time. At most one lookup of each name waits for a slot. */
  readonly #slots: Semaphore
  /** Names of the upstreams of the policy in force. @bound policy */
  #known = new Map<string, KnownName>()
  #isStarted = false

  constructor(options: UpstreamNamesOptions) {
    const { timers = processTimers, resolver, refreshMs = REFRESH_MS, random = Math.random } = options
    this.#options = options
    this.#timers = timers
    this.#task = new Supervisor('upstream-names', timers)
    this.#refreshMs = refreshMs
    this.#slots = new Semaphore(resolver.lookupsMax, Number.POSITIVE_INFINITY)
    this.#random = random
  }

  /** Returns the addresses of a name; `undefined` when they are not known. */
  addressesOf(name: string): readonly string[] | undefined {
    return this.#known.get(name)?.addresses
  }

  /** Lists the names with their addresses and lookups. */
  get all(): Iterable<KnownName> {
    return this.#known.values()
  }

  /** Returns the time since the latest successful lookup of a name, ms; `undefined` before it. */
  ageMs({ resolvedAt }: KnownName): number | undefined {
    return resolvedAt === undefined ? undefined : this.#timers.now() - resolvedAt
  }

  /** Looks up these names from now on, and no others. Names that stay keep their addresses. */
  follow(names: ReadonlySet<string>): void {
    const next = new Map<string, KnownName>()
    for (const name of names) next.set(name, this.#known.get(name) ?? new KnownName(name))
    for (const [name, known] of this.#known) {
      if (next.has(name)) continue
      known.end?.()
      known.end = undefined
    }
    this.#known = next
    if (this.#isStarted) this.start()
  }

  /** Starts the lookups. Before this call, `follow` only stores the names. */
  start(): void {
    this.#isStarted = true
    for (const known of this.#known.values()) known.end ??= this.#repeat(known)
  }

  #repeat(known: KnownName): () => void {
    let pauseMs = (): number => {
      pauseMs = () => known.pauseMs(this.#refreshMs, this.#random())
      return 0
    }
    return this.#task.repeat(
      () => pauseMs(),
      () => this.#lookup(known),
    )
  }

  async #lookup(known: KnownName): Promise<void> {
    if (!(await this.#slots.take(WAIT_MS))) return
    let found: ResolvedName | LookupFailure
    try {
      found = await this.#ask(known.name)
    } finally {
      this.#slots.done()
    }
    if (known.end === undefined) return
    const now = this.#timers.now()
    const isChanged = 'result' in found ? this.#fail(known, found, now) : this.#update(known, found, now)
    this.#options.onLookup(known.name, isChanged)
  }

  async #ask(name: string): Promise<ResolvedName | LookupFailure> {
    try {
      const found = await this.#options.resolver.resolve(name)
      const refused = refusalOf(name, found.addresses)
      if (refused !== undefined) return { result: 'refused', message: refused.message }
      return found.addresses.length > 0 ? found : { result: 'missing', message: `${name} has no address` }
    } catch (error) {
      const { message } = error as Error
      return { result: isMissing(error as NodeJS.ErrnoException) ? 'missing' : 'failed', message }
    }
  }

  #update(known: KnownName, { addresses, validMs }: ResolvedName, now: number): boolean {
    const { name, addresses: before = [], failure } = known
    const isChanged = known.resolved(addresses, validMs, now)
    const after = known.addresses!
    if (failure !== undefined)
      this.#options.log('info', 'upstream name resolved again', { name, addresses: after.length })
    if (!isChanged || before.length === 0) return isChanged
    this.#options.log('info', 'addresses of an upstream name changed', {
      name,
      added: after.filter((address) => !before.includes(address)),
      removed: before.filter((address) => !after.includes(address)),
      ...(known.unused > 0 && { unused: known.unused }),
    })
    return true
  }

  #fail(known: KnownName, failure: LookupFailure, now: number): boolean {
    const { name, failure: earlier } = known
    const isChanged = known.failed(failure, now)
    const fields = { name, error: failure.message, addresses: known.addresses?.length ?? 0 }
    if (isChanged) this.#options.log('warn', 'addresses of an upstream name are no longer used', fields)
    else if (earlier?.result !== failure.result) this.#options.log('warn', 'lookup of an upstream name failed', fields)
    return isChanged
  }

  close(): void {
    this.#isStarted = false
    this.follow(new Set())
  }
}
