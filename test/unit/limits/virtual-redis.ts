import { readFileSync } from 'node:fs'
import type { RedisClient } from '../../../gateway/redis/redis-client.ts'

/** Replacement of one text of a script by another, to check that a test detects the fault. */
export type Mutation = readonly [from: string, to: string]

/**
 * Factor for the expiry of keys. Redis expires keys by its own clock, which can run ahead of the virtual time on a busy
 * machine.
 */
export const LIVES_LONGER = 1000

/** A Lua script on a real Redis that reads the virtual time of the test instead of calling `TIME`. */
export class ScriptInVirtualTime {
  readonly #client: RedisClient
  readonly #lua: string

  constructor(client: RedisClient, file: string, mutations: readonly Mutation[] = []) {
    this.#client = client
    let lua = readFileSync(new URL(`../../../gateway/limits/${file}`, import.meta.url), 'utf8')
    for (const [from, to] of [["redis.call('TIME')", '{ ARGV[#ARGV - 1], ARGV[#ARGV] }'], ...mutations] as const) {
      if (!lua.includes(from)) throw new Error(`${file} has no ${from}`)
      lua = lua.replaceAll(from, to)
    }
    lua = lua.replaceAll('math.ceil((2 * span + 2)', `${LIVES_LONGER} * math.ceil((2 * span + 2)`)
    lua = lua.replaceAll('math.ceil((w.span + 2)', `${LIVES_LONGER} * math.ceil((w.span + 2)`)
    // The last two arguments are the virtual time, so the loops of the script must not read them.
    this.#lua = lua.replaceAll('#ARGV, 2 do', '#ARGV - 2, 2 do').replaceAll('at <= #ARGV do', 'at <= #ARGV - 2 do')
  }

  run(keys: readonly string[], args: readonly (string | number)[], nowUs: number): Promise<unknown> {
    const clock = [Math.floor(nowUs / 1e6), Math.floor(nowUs % 1e6)]
    return this.#client.call('EVAL', this.#lua, keys.length, ...keys, ...args, ...clock)
  }
}

/** Pseudo-random numbers that are the same for the same seed (mulberry32). */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** Returns a number from 0 (inclusive) to 1 (exclusive). */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** Returns an integer from `low` to `high`, both inclusive. */
  between(low: number, high: number): number {
    return low + Math.floor(this.roll() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.roll() < probability
  }

  oneOf<T>(values: readonly T[]): T {
    return values[this.between(0, values.length - 1)]!
  }
}

export interface Admission {
  readonly at: number
  readonly count: number
}

/** Returns the largest number of admissions in any interval of length `window`. */
export function mostInAnyWindow(admissions: readonly Admission[], window: number): number {
  const sorted = admissions.toSorted((a, b) => a.at - b.at)
  let most = 0
  let sum = 0
  let first = 0
  for (const { at, count } of sorted) {
    sum += count
    while (at - sorted[first]!.at >= window) sum -= sorted[first++]!.count
    most = Math.max(most, sum)
  }
  return most
}

/** Queue of actions in virtual time, run in the order of their times. */
export class Agenda {
  readonly #entries: { at: number; act: () => Promise<void> | void }[] = []
  now = 0

  at(time: number, act: () => Promise<void> | void): void {
    let i = this.#entries.length
    while (i > 0 && this.#entries[i - 1]!.at > time) i--
    this.#entries.splice(i, 0, { at: time, act })
  }

  async run(until: number): Promise<void> {
    for (let next = this.#entries.shift(); next !== undefined && next.at <= until; next = this.#entries.shift()) {
      this.now = Math.max(this.now, next.at)
      await next.act()
    }
  }
}
