import { readFileSync } from 'node:fs'
import type { RedisClient } from '../../../gateway/redis/redis-client.ts'

/** A part of a script that is changed to see whether a test notices. */
export type Mutation = readonly [from: string, to: string]

/** The script on a real server, with a clock of the test's in place of `TIME`. */
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
    // Windows expire by the server's own clock, which a busy machine lets run ahead of the test's.
    lua = lua.replaceAll('math.ceil((2 * span + 2)', '1000 * math.ceil((2 * span + 2)')
    lua = lua.replaceAll('math.ceil((w.span + 2)', '1000 * math.ceil((w.span + 2)')
    // The two arguments of the clock are not the script's.
    this.#lua = lua.replaceAll('#ARGV, 2 do', '#ARGV - 2, 2 do').replaceAll('at <= #ARGV do', 'at <= #ARGV - 2 do')
  }

  run(keys: readonly string[], args: readonly (string | number)[], nowUs: number): Promise<unknown> {
    const clock = [Math.floor(nowUs / 1e6), Math.floor(nowUs % 1e6)]
    return this.#client.call('EVAL', this.#lua, keys.length, ...keys, ...args, ...clock)
  }
}

/** Numbers that repeat with the seed (mulberry32). */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** From 0 up to 1. */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** Both included. */
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

/** Most admissions in any interval of length `window`, whatever its position. */
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

/** What happens next, by its time. */
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
