import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { durationForm, parseDuration } from '../../base/duration.ts'
import { rotatedKinds } from '../../config/key-kinds.ts'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/**
 * Time between two calls of the admin API, ms, while a node or worker lacks the new key or the overlap has not passed.
 */
const ASK_EVERY_MS = 2000

interface Waiting {
  readonly rotated: false
  readonly lacking: readonly string[]
  readonly ready_at: string | null
}

interface Rotated {
  readonly rotated: true
  readonly acknowledged: readonly string[]
  readonly missing: readonly string[]
  readonly old: string | null
  readonly old_may_go_at: string | null
}

/** `gatehouse keys rotate`: switches the writing key of the cluster. */
export const verb = defineVerb({
  description: 'Switch the key with which the cluster signs assertions, encrypts data or signs policy revisions',
  arguments: {
    kind: z.enum(rotatedKinds).register(flag, { help: 'kind of the key' }),
  },
  flags: {
    to: z.string().register(flag, { value: 'id', help: 'id of the key that becomes the writing key' }),
    overlap: z.string().default('10m').register(flag, {
      value: 'duration',
      help: 'time for which every node must have published an assertion key',
    }),
    timeout: z.string().default('30m').register(flag, {
      value: 'duration',
      help: 'longest wait until every process has the key and the overlap has passed; 0s: do not wait',
    }),
    admin: adminFlag,
  },
  examples: [
    {
      run: 'gatehouse keys rotate assertion --to 2026-12',
      does: 'once every node has published the key for 10 minutes',
    },
    { run: 'gatehouse keys rotate encryption --to 2026-12 --timeout 0s', does: 'now, or not at all' },
  ],
  exitCodes: {
    [exitCodes.done]: 'every node writes with the key',
    [exitCodes.invalid]: 'nothing changed: the key is unknown, or not every process was ready in time',
    ...adminUnreachable,
    [exitCodes.partly]: 'some nodes have not acknowledged, and switch when they have contact to Redis again',
  },
  run: async ({ kind, to, overlap, timeout, admin }, output) => {
    const client = AdminClient.from(admin)
    const deadline = performance.now() + durationOf('timeout', timeout)
    const body = { kind, to, overlap_s: Math.ceil(durationOf('overlap', overlap) / 1000) }
    let stated = ''
    for (;;) {
      const { document } = await client.call('POST', '/api/v1/keys/rotate', 'rotated', body)
      const result = document as unknown as Waiting | Rotated
      if (result.rotated) {
        output.line(`Nodes that write with ${kind} key ${to}: ${result.acknowledged.join(', ') || 'none yet'}.`)
        if (result.missing.length > 0) {
          output.line(`Nodes that have not acknowledged, and switch later: ${result.missing.join(', ')}.`)
        }
        output.line(
          result.old === null
            ? `Key ${to} already was the writing key.`
            : `Key ${result.old} may be removed from ${result.old_may_go_at} on. Until then, a reload of settings without this key is rejected.`,
        )
        output.document(document)
        return result.missing.length === 0 ? exitCodes.done : exitCodes.partly
      }
      const why = reasonOf(result, to)
      if (performance.now() >= deadline) throw new CliError(exitCodes.invalid, 'GH_KEYS_NOT_READY', why)
      if (why !== stated) output.line(`Waiting: ${why}.`)
      stated = why
      await sleep(Math.min(ASK_EVERY_MS, Math.max(0, deadline - performance.now())))
    }
  },
})

function durationOf(name: string, text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new CliError(exitCodes.usage, 'GH_USAGE', `--${name} must be ${durationForm}`)
  return ms
}

function reasonOf({ lacking, ready_at }: Waiting, to: string): string {
  if (ready_at !== null) return `every node publishes key ${to}; it can become the writing key from ${ready_at} on`
  return `key ${to} is missing on ${lacking.join(', ') || 'the node that was asked'}`
}
