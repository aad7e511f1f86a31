import { shipAudit } from '../../gateway/queues/ship-audit.ts'
import { handles } from '../handles.ts'
import { JobContinuation } from '../job-continuation.ts'
import type { SinkShipper } from '../sink-shipper.ts'

/**
 * Sends the audit records that a sink has not accepted yet. On an operator's order, sends earlier records or dead
 * letters again.
 *
 * Idempotent: the cursor moves by compare-and-set after the sink has accepted the records. If a worker dies before it
 * has moved the cursor, the records are sent a second time, with the same ids.
 *
 * @throws {SinkFault | RedisFault} when the sink or Redis fails; the next run continues at the cursor
 */
export const shipAuditHandler = (shipper: (sink: string) => SinkShipper | undefined) =>
  handles(shipAudit, async (payload) => {
    const { sink, shard, replay } = payload
    const found = shipper(sink)
    // Do nothing if the sink was removed from the settings after the job was enqueued.
    if (found === undefined) return 'gone'
    if (replay === undefined) return found.ship(shard)
    const left = await found.replay(shard, replay)
    return left === undefined ? 'replayed' : new JobContinuation({ ...payload, replay: left })
  })
