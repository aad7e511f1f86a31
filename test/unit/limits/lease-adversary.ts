import { type Admission, Agenda, type Dice, mostInAnyWindow, type ScriptInVirtualTime } from './virtual-redis.ts'

export const tickUs = 5000
export const span = 20
export const windowUs = tickUs * span
export const startUs = 1_800_000_000_000_000

/** Returns the age of a spent permit as a node reports it, from the real age, both µs. */
export type Report = (ageUs: number) => number

interface Held {
  readonly field: string
  permits: number
  /** Time at which the lease ends by the clock of the node, µs. It is counted from the sending of the lease call. */
  readonly untilUs: number
}

/**
 * A node that behaves as badly as the rules of leases allow. It spends permits up to the last µs of its lease, dies
 * at any time, loses replies, and has calls executed twice. It requests leases of random length.
 */
class MeanNode {
  readonly #run: Run
  #name: string
  #calls = 0
  /** Number of spends that calls with a reply have reported. */
  #reported = 0
  #held: Held = { field: '', permits: 0, untilUs: 0 }
  #spent: { at: number; count: number }[] = []
  #inFlight = 0
  #asking = false

  constructor(run: Run) {
    this.#run = run
    this.#name = run.newName()
  }

  step(): void {
    const { agenda, dice } = this.#run
    const { untilUs, permits } = this.#held
    const now = agenda.now
    if (permits > 0 && now < untilUs) {
      if (dice.chance(0.4)) this.#spend(dice.between(1, permits))
      // The last moment at which the rules allow the node to spend its permits.
      if (dice.chance(0.6)) {
        const held = this.#held
        agenda.at(untilUs - 1, () => {
          if (this.#held === held && held.permits > 0) this.#spend(held.permits)
        })
      }
    }
    if (dice.chance(0.04)) this.#die()
    else if (!this.#asking && dice.chance(0.7)) this.#ask()
    agenda.at(now + dice.between(200, 12_000), () => this.step())
  }

  #spend(count: number): void {
    const at = this.#run.agenda.now
    this.#held.permits -= count
    if (this.#asking) this.#inFlight += count
    this.#spent.push({ at, count })
    this.#run.admissions.push({ at, count })
  }

  #die(): void {
    this.#name = this.#run.newName()
    this.#held = { field: '', permits: 0, untilUs: 0 }
    this.#spent = []
    this.#reported = 0
    this.#asking = false
  }

  #ask(): void {
    const { agenda, dice, limit, report } = this.#run
    const now = agenda.now
    const name = this.#name
    const kept = now < this.#held.untilUs ? this.#held.permits : 0
    const hold = dice.oneOf([1, 2, 3, 6, span])
    const wanted = Math.max(kept, dice.between(1, Math.ceil(limit / 2)))
    const reported = this.#spent.length
    const spent = this.#spent.flatMap(({ at, count }) => [report(now - at), count])
    const owner = [`${name}.1`, ++this.#calls, this.#reported]
    const args = [limit, span, tickUs, hold, this.#held.field, kept, wanted, 1, ...owner, ...spent]
    this.#asking = true
    this.#inFlight = 0
    const lost = dice.chance(0.15)
    const twice = dice.chance(0.15)
    agenda.at(now + dice.between(50, dice.chance(0.1) ? 20_000 : 500), async () => {
      const [field, permits] = await this.#run.lease(args)
      // The network repeats the call, not the node. The node receives only the first reply.
      if (twice) agenda.at(agenda.now + dice.between(0, 4000), () => void this.#run.lease(args))
      agenda.at(agenda.now + (lost ? 8000 : dice.between(50, dice.chance(0.1) ? 20_000 : 500)), () => {
        if (this.#name !== name) return
        this.#asking = false
        const untilUs = now + hold * tickUs
        if (lost || agenda.now >= untilUs) return
        this.#spent = this.#spent.slice(reported)
        this.#reported += reported
        this.#held = { field, permits: Math.max(0, permits - this.#inFlight), untilUs }
      })
    })
  }
}

class Run {
  readonly agenda = new Agenda()
  readonly admissions: Admission[] = []
  readonly dice: Dice
  readonly limit: number
  readonly report: Report
  readonly #script: ScriptInVirtualTime
  readonly #key: string
  #names = 0

  constructor(script: ScriptInVirtualTime, dice: Dice, report: Report, key: string) {
    this.#script = script
    this.dice = dice
    this.limit = dice.oneOf([3, 10, 40])
    this.report = report
    this.#key = key
  }

  newName(): string {
    return `n${++this.#names}`
  }

  async lease(args: readonly (string | number)[]): Promise<[field: string, permits: number]> {
    return (await this.#script.run([this.#key], args, startUs + this.agenda.now)) as [string, number]
  }

  async play(nodes: number, windows: number): Promise<void> {
    for (let i = 0; i < nodes; i++) {
      const node = new MeanNode(this)
      this.agenda.at(this.dice.between(0, 10_000), () => node.step())
    }
    await this.agenda.run(windows * windowUs)
  }
}

/**
 * @returns `over`: admissions above the limit in the fullest window, 0 if no window exceeds the limit. `admitted`:
 * number of all admissions
 */
export async function attack(
  script: ScriptInVirtualTime,
  dice: Dice,
  report: Report,
  key: string,
): Promise<{ over: number; admitted: number }> {
  const run = new Run(script, dice, report, key)
  await run.play(dice.between(1, 5), 5)
  const most = mostInAnyWindow(run.admissions, windowUs)
  return { over: Math.max(0, most - run.limit), admitted: run.admissions.reduce((sum, { count }) => sum + count, 0) }
}
