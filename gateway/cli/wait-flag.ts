import { z } from 'zod'
import { parseDuration } from '../base/duration.ts'
import { CliError, exitCodes } from './output.ts'
import { flag } from './verb.ts'

/** Longest wait for the nodes of a cluster, ms. The admin API has the same limit. */
const WAIT_MAX_MS = 5 * 60_000

/** Parsed value of the flags `--wait` and `--no-wait`: a duration as text, `all`, or false for `--no-wait`. */
type WaitValue = string | false

/**
 * Flags `--wait` and `--no-wait` of every verb that waits until the nodes have acknowledged. `--wait` without a value
 * means the default.
 *
 * @param initial  default of `--wait`, a duration
 */
export function waitFlags(initial: string) {
  return {
    // The library commander stores `--no-wait` as the value false of `--wait`.
    wait: z
      .union([z.string(), z.literal(false)])
      .default(initial)
      .register(flag, {
        value: 'duration',
        bare: initial,
        help: 'longest wait for the nodes to acknowledge, at most 5m; all waits until no node is missing, 5m at most',
      }),
    noWait: z.boolean().default(false).register(flag, { help: 'do not wait for the nodes' }),
  }
}

/**
 * Converts the parsed flags `--wait` and `--no-wait` into the query parameter `wait` of the admin API.
 *
 * @throws {CliError} when the value is invalid
 */
export function waitParameterOf(wait: WaitValue): string {
  if (wait === false) return 'none'
  return wait === 'all' ? wait : `${waitMsOf(wait)}ms`
}

/**
 * Converts the flags `--wait` and `--no-wait` into the longest wait, ms.
 *
 * @throws {CliError} when the value is invalid
 */
export function waitMsOf(wait: WaitValue): number {
  if (wait === false) return 0
  const ms = wait === 'all' ? WAIT_MAX_MS : parseDuration(wait)
  if (ms !== undefined && ms <= WAIT_MAX_MS) return ms
  const message = '--wait must be all, or a duration of at most 5m, such as 500ms, 2s or 1m'
  throw new CliError(exitCodes.usage, 'GH_USAGE', message, 'write --wait=2s, with the equals sign, or --no-wait')
}
