import { setTimeout as sleep } from 'node:timers/promises'
import type { ActivationReceipt } from '../../gateway/revisions/activation-receipt.ts'
import type { PolicyOutcome } from '../../gateway/revisions/revision-service.ts'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import type { Wire } from '../kit/wire.ts'

/** Result of an attempt to change the policy. `fault`: unknown, because Redis failed; `missing`: no such revision. */
export type ChangeOutcome = PolicyOutcome['outcome'] | 'fault' | 'missing'

interface LoadOptions {
  readonly token: string
  /** Requests to all nodes together. */
  readonly perSecond: number
  readonly connectionsPerNode: number
}

const counted = ['correct', 'wrong decisions', 'failed requests', '503', 'lost with a killed node'] as const

/** Time after a pause to which a 503 is attributed, ms. */
const AFTER_PAUSE_MS = 3000

interface Unavailable {
  count: number
  /** Seconds since the start of the load in which the replies arrived. */
  seconds: string
}

interface ServedNode {
  readonly port: number
  /** True while the process is paused, and until its first reply afterwards. */
  paused: boolean
  /** Time of the end of the last pause, monotonic, ms. */
  resumedAt: number
}

/** A request path, the contents with which it is 200, and the wrong decision that another status is. */
interface Probe {
  readonly target: string
  readonly content: number | undefined
}

/**
 * Clients that know which contents of the policy a node may use: those of the activations from the last one that the
 * node acknowledged, or that a receipt declared fenced, to the newest one that was attempted.
 */
export class RevisionLoad {
  readonly #options: LoadOptions
  readonly #nodes = new Map<string, ServedNode>()
  readonly #clients: Promise<void>[] = []
  readonly #counts = new Map<string, number>(counted.map((name) => [name, 0]))
  readonly #examples: string[] = []
  /**
   * Contents that were attempted with each sequence. There are several after an attempt of unknown outcome, or after a
   * failover lost an activation.
   */
  readonly #contents = new Map<number, Set<number>>([[1, new Set([1])]])
  /** Content of each activation with a receipt. */
  readonly #settled = new Map<number, number>([[1, 1]])
  /** Attempts that certainly did not take place: sequence and content. */
  readonly #refused = new Set<string>()
  /** Replies with 503 by node and state of the node. */
  readonly #unavailable = new Map<string, Unavailable>()
  readonly #startedAt = performance.now()
  readonly #acknowledged = new Map<string, number>()
  #fences: { readonly sequence: number; readonly atMs: number }[] = []
  #fenced = 1
  #attempted = 1
  #requests = 0
  #over = false
  #newest: ActivationReceipt | undefined
  readonly #serving = new Map<string, number>()

  constructor(options: LoadOptions) {
    this.#options = options
  }

  /** Whether every node that runs must decide by the newest activation. */
  get isSettled(): boolean {
    const { sequence } = this.#newest!
    return [...this.#nodes].every(([id, { paused }]) => !paused && this.#floorOf(id) >= sequence)
  }

  /** Sends requests to a node that was started. */
  serve(id: string, port: number): void {
    this.#nodes.set(id, { port, paused: false, resumedAt: Number.NEGATIVE_INFINITY })
    const clients = this.#serving.get(id) ?? 0
    this.#serving.set(id, this.#options.connectionsPerNode)
    for (let i = clients; i < this.#options.connectionsPerNode; i++) this.#clients.push(this.#client(id))
  }

  /** Sends no more requests to a node that is about to be killed. */
  withdraw(id: string): void {
    this.#nodes.delete(id)
  }

  pause(id: string): void {
    this.#nodes.get(id)!.paused = true
  }

  resume(id: string): void {
    Object.assign(this.#nodes.get(id)!, { paused: false, resumedAt: performance.now() })
  }

  /** Records an activation before it is attempted. @returns a function that records that it did not take place */
  attempt(sequence: number, content: number): () => void {
    const contents = this.#contents.get(sequence) ?? new Set()
    const isNew = !contents.has(content)
    this.#refused.delete(`${sequence} ${content}`)
    this.#attempted = Math.max(this.#attempted, sequence)
    this.#contents.set(sequence, contents.add(content))
    // The last content stays the target of requests: its path must be 404.
    return () => void (isNew && this.#refused.add(`${sequence} ${content}`))
  }

  activated(receipt: ActivationReceipt, content: number): void {
    this.#newest = receipt
    // The sequence is higher than the attempted one after an activation that only a voter knew.
    this.attempt(receipt.sequence, content)
    this.#settled.set(receipt.sequence, content)
    for (const { node } of receipt.acknowledged) this.#acknowledged.set(node, receipt.sequence)
    this.#fences.push({ sequence: receipt.sequence, atMs: Date.parse(receipt.fenced_by) })
  }

  async stop() {
    this.#over = true
    await Promise.all(this.#clients)
    const counts = Object.fromEntries(this.#counts) as Record<(typeof counted)[number], number>
    const unavailable = Object.fromEntries(this.#unavailable)
    return { counts, requests: this.#requests, examples: this.#examples, unavailable }
  }

  #fencedNow(): number {
    const nowMs = Date.now()
    for (const { sequence, atMs } of this.#fences) if (atMs <= nowMs) this.#fenced = Math.max(this.#fenced, sequence)
    this.#fences = this.#fences.filter(({ atMs }) => atMs > nowMs)
    return this.#fenced
  }

  #floorOf(id: string): number {
    return Math.max(this.#acknowledged.get(id) ?? 1, this.#fencedNow())
  }

  async #client(id: string): Promise<void> {
    const { perSecond, connectionsPerNode } = this.#options
    const everyMs = (1000 * 4 * connectionsPerNode) / perSecond
    let wire: { readonly wire: Wire; readonly of: ServedNode } | undefined
    let dueMs = performance.now() + Math.random() * everyMs
    while (!this.#over) {
      await sleep(Math.max(0, dueMs - performance.now()))
      dueMs = Math.max(dueMs + everyMs, performance.now() - everyMs)
      const node = this.#nodes.get(id)
      if (wire !== undefined && wire.of !== node) {
        wire.wire.close()
        wire = undefined
      }
      if (node === undefined) continue
      try {
        wire ??= { wire: await connect(node.port), of: node }
        if (!(await this.#exchange(id, wire.wire))) {
          wire.wire.close()
          wire = undefined
        }
      } catch (error) {
        const isKilled = this.#nodes.get(id) !== node
        this.#count(isKilled ? 'lost with a killed node' : 'failed requests', `${id}: ${(error as Error).message}`)
        wire?.wire.close()
        wire = undefined
      }
    }
    wire?.wire.close()
  }

  #probe(): Probe {
    const turn = this.#requests++ % 4
    if (turn === 0) return { target: '/open/1', content: undefined }
    if (turn === 1) return { target: '/always/1', content: undefined }
    const sequence = turn === 2 ? this.#attempted : Math.max(1, this.#attempted - 1 - Math.floor(Math.random() * 3))
    const content = [...this.#contents.get(sequence)!].at(-1)!
    return { target: `/c${content}/1`, content }
  }

  /** @returns whether the connection stays open */
  async #exchange(id: string, wire: Wire): Promise<boolean> {
    const { target, content } = this.#probe()
    const floor = this.#floorOf(id)
    await wire.send(requestBytes({ target, token: this.#options.token }))
    const reply = await readReply(wire, { limitMs: 30_000 })
    if (reply === undefined) throw new Error('the connection ended before a reply')
    const { status } = reply
    const told = `${id} ${target}: ${status}, allowed from activation ${floor} to ${this.#attempted}`
    if (status === 503) this.#countUnavailable(id)
    else if (content === undefined) this.#count(status === 200 ? 'correct' : 'failed requests', told)
    else if (status !== 200 && status !== 404) this.#count('failed requests', told)
    else this.#count(this.#isAllowed(content, floor, status === 200) ? 'correct' : 'wrong decisions', told)
    return reply.field('connection') !== 'close'
  }

  #isAllowed(content: number, floor: number, isServed: boolean): boolean {
    for (let sequence = floor; sequence <= this.#attempted; sequence++) {
      const settled = sequence === floor ? this.#settled.get(sequence) : undefined
      const possible = settled === undefined ? (this.#contents.get(sequence) ?? []) : [settled]
      for (const each of possible) {
        if ((each === content) === isServed && !this.#refused.has(`${sequence} ${each}`)) return true
      }
    }
    return false
  }

  #countUnavailable(id: string): void {
    this.#count('503', undefined)
    const nowMs = performance.now()
    const isBack = nowMs - (this.#nodes.get(id)?.resumedAt ?? 0) < AFTER_PAUSE_MS
    const name = `${id}${isBack ? ' after its pause' : ''}`
    const second = Math.round((nowMs - this.#startedAt) / 1000)
    const found = this.#unavailable.get(name)
    if (found === undefined) this.#unavailable.set(name, { count: 1, seconds: `${second}` })
    else {
      found.count++
      if (!found.seconds.split(' ').includes(`${second}`)) found.seconds += ` ${second}`
    }
  }

  #count(name: (typeof counted)[number], example: string | undefined): void {
    this.#counts.set(name, this.#counts.get(name)! + 1)
    if (name !== 'correct' && example !== undefined && this.#examples.length < 20)
      this.#examples.push(`${name}: ${example}`)
  }
}
