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

interface ServedNode {
  readonly port: number
  /** True while the process is paused, and until its first reply afterwards. */
  paused: boolean
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
    this.#nodes.set(id, { port, paused: false })
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
    this.#nodes.get(id)!.paused = false
  }

  /** Records an activation before it is attempted. */
  attempt(sequence: number, content: number): void {
    this.#attempted = Math.max(this.#attempted, sequence)
    this.#contents.set(sequence, (this.#contents.get(sequence) ?? new Set()).add(content))
  }

  activated(receipt: ActivationReceipt, content: number): void {
    this.#newest = receipt
    this.#settled.set(receipt.sequence, content)
    for (const { node } of receipt.acknowledged) this.#acknowledged.set(node, receipt.sequence)
    this.#fences.push({ sequence: receipt.sequence, atMs: Date.parse(receipt.fenced_by) })
  }

  async stop() {
    this.#over = true
    await Promise.all(this.#clients)
    const counts = Object.fromEntries(this.#counts) as Record<(typeof counted)[number], number>
    return { counts, requests: this.#requests, examples: this.#examples }
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
    if (status === 503) this.#count('503', undefined)
    else if (content === undefined) this.#count(status === 200 ? 'correct' : 'failed requests', told)
    else if (status !== 200 && status !== 404) this.#count('failed requests', told)
    else this.#count(this.#isAllowed(content, floor, status === 200) ? 'correct' : 'wrong decisions', told)
    return reply.field('connection') !== 'close'
  }

  #isAllowed(content: number, floor: number, isServed: boolean): boolean {
    for (let sequence = floor; sequence <= this.#attempted; sequence++) {
      const settled = sequence === floor ? this.#settled.get(sequence) : undefined
      const possible = settled === undefined ? (this.#contents.get(sequence) ?? []) : [settled]
      for (const each of possible) if ((each === content) === isServed) return true
    }
    return false
  }

  #count(name: (typeof counted)[number], example: string | undefined): void {
    this.#counts.set(name, this.#counts.get(name)! + 1)
    if (name !== 'correct' && example !== undefined && this.#examples.length < 20)
      this.#examples.push(`${name}: ${example}`)
  }
}
