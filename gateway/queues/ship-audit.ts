import { z } from 'zod'
import type { JobContract } from './job-contract.ts'

const entryId = z.string().regex(/^[0-9]{1,15}-[0-9]{1,15}$/)

const replay = z.discriminatedUnion('what', [
  /**
   * Selects dead letters (records or whole log entries that could not be delivered) after id `from` (exclusive) up to
   * id `until` (inclusive).
   */
  z.object({ what: z.literal('dead'), from: entryId, until: entryId }),
  /** Selects entries that are still in the audit log, after id `from` (exclusive) up to id `until` (inclusive). */
  z.object({ what: z.literal('log'), from: entryId, until: entryId }),
])

const payload = z.object({
  /** Name of the sink in the settings. Also the name of the queue, so each sink has its own queue. */
  sink: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  shard: z.int().min(0).max(255),
  /** Entries to send again (a replay). If absent, the job ships the entries that the sink has not accepted yet. */
  replay: replay.optional(),
})

/** Range of entries that are sent to a sink again, even if the sink has received them before. `from` is exclusive. */
export type Replay = z.output<typeof replay>

export type ShipAudit = z.output<typeof payload>

/** Job that ships entries that a sink has not accepted yet, from one shard of the audit log. Repeats every 500 ms. */
export const shipAudit: JobContract<ShipAudit> = {
  kind: 'ship',
  payload,
  // Use one attempt: the next repetition of the job is the retry and computes its own delay. Replays have their own
  // retry settings.
  attempts: 1,
  backoffMs: 1000,
  waitingMax: 1000,
  everyMs: 500,
}

/**
 * Retry settings of a replay, which an operator ordered. The job retries for 2 to 4 hours while the sink is
 * unavailable.
 */
export const replayOptions = {
  attempts: 1000,
  backoff: { type: 'fixed', delay: 15_000, jitter: 0.5 },
} as const
