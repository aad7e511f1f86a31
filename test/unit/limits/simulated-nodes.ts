import { Lease } from '../../../gateway/limits/lease.ts'
import { type Admission, Agenda, type Dice, type ScriptInVirtualTime } from './virtual-redis.ts'

const startUs = 1_800_000_000_000_000
const waitMs = 50

export interface Scene {
  readonly limit: number
  readonly windowMs: number
  readonly nodes: number
  /**
   * `perSecond`: requests per second on all nodes. `firstPart`: share of the requests, 0 to 1, that always goes to
   * the first node; each other request goes to a random node.
   */
  readonly perSecond: number
  readonly firstPart: number
  readonly windows: number
  /** Whether replies are lost, and nodes die and pause, at random. */
  readonly chaos: boolean
}

export interface Played {
  /** Times of requests, ms. */
  readonly offered: readonly number[]
  readonly admissions: readonly Admission[]
  readonly calls: number
}

/**
 * Simulates nodes with the lease code of the gateway, network delays and random arrivals of requests, in virtual time.
 */
export async function play(scene: Scene, script: ScriptInVirtualTime, dice: Dice, key: string): Promise<Played> {
  const agenda = new Agenda()
  const admissions: Admission[] = []
  const offered: number[] = []
  let calls = 0
  const tickUs = Math.floor((scene.windowMs * 1000) / 200)
  const span = Math.ceil((scene.windowMs * 1000) / tickUs)

  class Node {
    readonly #lease: Lease
    #waiting: number[] = []
    #stoppedUntil = 0
    readonly #name: string

    constructor(name: string) {
      this.#name = name
      this.#lease = new Lease(
        { requests: scene.limit, windowMs: scene.windowMs, tickUs, cost: 1, node: name, serial: 1 },
        () => dice.roll(),
      )
    }

    get name(): string {
      return this.#name
    }

    stop(ms: number): void {
      this.#stoppedUntil = agenda.now + ms
    }

    request(): void {
      if (agenda.now < this.#stoppedUntil) return
      const { now } = agenda
      const lease = this.#lease
      if (lease.spend(now)) {
        admissions.push({ at: now, count: 1 })
        if (lease.shouldRefill(now)) this.#ask()
      } else if (lease.cutOff) {
        if (lease.mayAsk(now)) this.#ask()
      } else if (lease.hopeful || lease.mayAsk(now)) {
        this.#waiting.push(now)
        if (!lease.asking) this.#ask()
      }
    }

    /** Runs the lease timer of the node every 10 ms. */
    tick(): void {
      const { now } = agenda
      if (now >= this.#stoppedUntil) {
        const lease = this.#lease
        if (lease.open && !lease.asking && now >= lease.dueMs) this.#ask(!lease.mayAsk(now))
      }
      agenda.at(now + 10, () => this.tick())
    }

    #ask(ending = false): void {
      calls++
      const lease = this.#lease.begin(agenda.now, this.#waiting.length, ending)
      const { holdTicks, held, kept, wanted, needed, owner, call, reported, spent } = lease
      const terms = [scene.limit, span, tickUs, holdTicks, held, kept, wanted, needed]
      const args = [...terms, owner, call, reported, ...spent]
      agenda.at(agenda.now + this.#delay(), async () => {
        const reply = (await script.run([key], args, startUs + agenda.now * 1000)) as [string, ...number[]]
        if (scene.chaos && dice.chance(0.02)) agenda.at(agenda.now + 250, () => this.#heard(undefined))
        else agenda.at(agenda.now + this.#delay(), () => this.#heard(reply))
      })
    }

    #heard(reply: [string, ...number[]] | undefined): void {
      const { now } = agenda
      if (now < this.#stoppedUntil) {
        agenda.at(this.#stoppedUntil, () => this.#heard(reply))
        return
      }
      const lease = this.#lease
      if (reply === undefined) lease.fail(now, false)
      else {
        const [field, permits, waitFor, holders, left] = reply as [string, number, number, number, number]
        lease.accept({ lease: field, permits, waitMs: waitFor, holders, left }, now)
      }
      const queue = this.#waiting.splice(0).filter((since) => now - since < waitMs)
      while (queue.length > 0 && lease.spendAtLast(now)) {
        queue.shift()
        admissions.push({ at: now, count: 1 })
      }
      if (queue.length > 0 && lease.mayAsk(now) && !lease.cutOff) {
        this.#waiting = queue
        this.#ask()
      }
    }

    #delay(): number {
      return dice.chance(0.01) ? 20 * dice.roll() : 0.1 + 0.4 * dice.roll()
    }
  }

  let born = 0
  const create = (): Node => {
    const node = new Node(`n${++born}`)
    node.tick()
    return node
  }
  const nodes = Array.from({ length: scene.nodes }, create)
  const end = scene.windows * scene.windowMs
  const arrive = (): void => {
    offered.push(agenda.now)
    const i = dice.chance(scene.firstPart) ? 0 : dice.between(0, nodes.length - 1)
    if (scene.chaos && dice.chance(0.001)) nodes[i] = create()
    if (scene.chaos && dice.chance(0.001)) nodes[i]!.stop(dice.between(1, 2 * scene.windowMs))
    nodes[i]!.request()
    agenda.at(agenda.now - (Math.log(1 - dice.roll()) * 1000) / scene.perSecond, arrive)
  }
  agenda.at(0, arrive)
  await agenda.run(end)
  return { offered, admissions, calls }
}
