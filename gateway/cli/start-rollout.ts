import { z } from 'zod'
import { durationForm, parseDuration } from '../base/duration.ts'
import type { AdminClient } from './admin-client.ts'
import { CliError, type ExitCode, exitCodes, type Output } from './output.ts'
import type { ComparedDocument } from './policy-change.ts'
import { followRollout, outcomeCode, outcomeText } from './rollout-text.ts'
import { flag } from './verb.ts'

const DAY_MS = 86_400_000

const percentFlag = z
  .string()
  .regex(/^\d{1,2}(\.\d{1,3})?%$/, { error: 'must be a percentage below 100%, such as 25% or 0.5%' })

/** Flags of `gatehouse apply` for a rollout. */
export const rolloutFlags = {
  canary: percentFlag.optional().register(flag, {
    value: 'percent',
    help: 'try the policy on this share of the nodes first, at least on one, and wait for the result',
  }),
  for: z.string().optional().register(flag, {
    value: 'duration',
    help: 'with --canary: duration of the comparison, 1s to 1d (default: 10m)',
  }),
  maxFaults: percentFlag.optional().register(flag, {
    value: 'percent',
    help: 'with --canary: largest accepted difference of the share of faults (5xx) of a route (default: 0.5%)',
  }),
  maxNewDenials: percentFlag.optional().register(flag, {
    value: 'percent',
    help: 'with --canary: largest accepted difference of the share of refused requests of a route (default: 1%)',
  }),
}

type RolloutFlags = z.output<z.ZodObject<typeof rolloutFlags>>

interface CanaryDocument {
  readonly percent: number
  readonly for_s: number
  readonly max_faults_percent: number
  readonly max_new_denials_percent: number
}

/**
 * Returns the member `canary` of the admin API call that the flags of `gatehouse apply` order; `undefined` without
 * `--canary`.
 *
 * @throws {CliError} when the flags are invalid
 */
export function canaryOf({ canary, for: time, maxFaults, maxNewDenials }: RolloutFlags): CanaryDocument | undefined {
  if (canary === undefined) {
    if ((time ?? maxFaults ?? maxNewDenials) === undefined) return undefined
    const hint = 'add --canary with the share of the nodes, such as --canary 10%'
    throw new CliError(exitCodes.usage, 'GH_USAGE', '--for, --max-faults and --max-new-denials need --canary', hint)
  }
  const percent = Number.parseFloat(canary)
  if (percent === 0)
    throw new CliError(exitCodes.usage, 'GH_USAGE', '--canary must be above 0%', 'such as --canary 10%')
  const forMs = parseDuration(time ?? '10m')
  if (forMs === undefined || forMs < 1000 || forMs > DAY_MS) {
    throw new CliError(exitCodes.usage, 'GH_USAGE', `--for must be ${durationForm}, at least 1s and at most 1d`)
  }
  return {
    percent,
    for_s: Math.ceil(forMs / 1000),
    max_faults_percent: Number.parseFloat(maxFaults ?? '0.5%'),
    max_new_denials_percent: Number.parseFloat(maxNewDenials ?? '1%'),
  }
}

type StartDocument =
  | {
      readonly outcome: 'started'
      readonly number: number
      readonly sequence: number
      readonly canary_nodes: readonly string[]
      readonly missing: readonly string[]
    }
  | { readonly outcome: 'unchanged'; readonly number: number }

/** Begins a rollout of a policy, and waits for its end. */
export async function startRollout(
  client: AdminClient,
  { body, difference }: { readonly body: object; readonly difference: ComparedDocument },
  output: Output,
): Promise<ExitCode> {
  const { document } = await client.call('POST', '/api/v1/policy/apply', 'outcome', body)
  const start = document as unknown as StartDocument
  if (start.outcome === 'unchanged') {
    output.document({ ...start, difference })
    output.line(`Nothing changed: revision ${start.number} is active and has the same files.`)
    return exitCodes.done
  }
  if (start.missing.length > 0) output.remark(`Nodes that have not acknowledged: ${start.missing.join(', ')}.`)
  const outcome = await followRollout(client, { ...start, nodes: start.canary_nodes }, output)
  output.document({ ...outcome, difference })
  output.line(outcomeText(outcome))
  return outcomeCode(outcome)
}
