import { z } from 'zod'
import type { JobContract } from './job-contract.ts'

const entryId = z.string().regex(/^[0-9]{1,15}-[0-9]{1,15}$/)

const replay = z.discriminatedUnion('what', [
  /** Dead letters, after the one of id `from`, up to that of id `until`. */
  z.object({ what: z.literal('dead'), from: entryId, until: entryId }),
  /** Entries that the log still holds. */
  z.object({ what: z.literal('log'), from: entryId, until: entryId }),
])

const payload = z.object({
  /** Name in the settings; also the name of the queue: sinks know nothing of one another. */
  sink: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  shard: z.int().min(0).max(255),
  /** Without it: what the sink has not taken yet. */
  replay: replay.optional(),
})

/** What shall be sent to a sink that it may have been sent before. Ids of `from` are exclusive. */
export type Replay = z.output<typeof replay>

export type ShipAudit = z.output<typeof payload>

/** Ships what a sink has not taken yet, from one shard of the log: again and again, for a while each time. */
export const shipAudit: JobContract<ShipAudit> = {
  kind: 'ship',
  payload,
  // The next turn is the retry, and knows how long to wait; a replay is tried again by itself.
  attempts: 1,
  backoffMs: 1000,
  waitingMax: 1000,
  everyMs: 500,
}

/** A replay is an order: it waits for a sink that is down, for some hours. */
export const replayOptions = {
  attempts: 1000,
  backoff: { type: 'fixed', delay: 15_000, jitter: 0.5 },
} as const
