import { setImmediate } from 'node:timers/promises'
import type { AuditLog } from './audit-log.ts'
import type { AuditTrail } from './audit-trail.ts'
import { type LogReader, logStart } from './log-reader.ts'
import type { AuditKey } from './seal.ts'
import { Verification, type VerificationReport } from './verification.ts'

/** Number of audit batches that one call to Redis reads; each batch has up to 500 records. */
const PAGE = 16

/** One Redis stream (shard) of the audit log. */
interface LogStream {
  readonly log: AuditLog
  readonly reader: LogReader
}

interface VerifierOptions {
  /** All Redis streams (shards) of the audit log. */
  readonly streams: readonly LogStream[]
  readonly trail: Pick<AuditTrail, 'head'>
  /** Returns the audit keys of this node. */
  readonly keys: () => readonly AuditKey[]
  /** Returns the ids of the nodes that are currently running. */
  readonly running: () => Promise<ReadonlySet<string>>
}

/** Verifies the audit log in Redis for the admin API. */
export class LogVerifier {
  readonly #options: VerifierOptions
  #verifying: Promise<VerificationReport> | undefined

  constructor(options: VerifierOptions) {
    this.#options = options
  }

  /**
   * Verifies the whole audit log. Concurrent callers share one verification and get the same report.
   *
   * @throws {RedisFault} when the log cannot be read
   */
  verify(): Promise<VerificationReport> {
    this.#verifying ??= this.#verify().finally(() => {
      this.#verifying = undefined
    })
    return this.#verifying
  }

  async #verify(): Promise<VerificationReport> {
    const { streams, trail, keys, running } = this.#options
    const verification = new Verification({ keys: keys() })
    const heads = [trail.head, ...(await Promise.all(streams.map(({ log }) => log.head())))]
    for (const { reader } of streams) await readLog(reader, verification)
    const trimmed = new Map((await Promise.all(streams.map(({ log }) => log.trimmed()))).flatMap((each) => [...each]))
    return verification.report({ trimmed, running: await running(), seen: heads.filter((head) => head !== undefined) })
  }
}

async function readLog(reader: LogReader, verification: Verification): Promise<void> {
  let after = logStart
  for (;;) {
    const entries = await reader.after(after, PAGE)
    for (const { id, batch } of entries) {
      // Verifying one audit batch takes about 1 ms. Yielding before each batch limits the delay of requests to that
      // time.
      await setImmediate()
      if (typeof batch === 'string') verification.stray(batch, `entry ${id}`)
      else verification.batch(batch, `entry ${id}`)
    }
    if (entries.length === 0) return
    after = entries.at(-1)!.id
  }
}
