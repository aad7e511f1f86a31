import { shipAudit } from '../../gateway/queues/ship-audit.ts'
import { handles } from '../handles.ts'
import { JobAgain } from '../job-again.ts'
import type { SinkShipper } from '../sink-shipper.ts'

/**
 * Ships what a sink has not taken yet, or sends again what was ordered.
 *
 * Idempotent: the cursor moves after the sink has answered, by compare and set. What is sent twice, after a worker died in
 * between, has the same ids.
 *
 * @throws {SinkFault | RedisFault} the next run goes on where this one stopped
 */
export const shipAuditHandler = (shipper: (sink: string) => SinkShipper | undefined) =>
  handles(shipAudit, async (payload) => {
    const { sink, shard, replay } = payload
    const found = shipper(sink)
    // The settings have changed since.
    if (found === undefined) return 'gone'
    if (replay === undefined) return found.ship(shard)
    const left = await found.replay(shard, replay)
    return left === undefined ? 'replayed' : new JobAgain({ ...payload, replay: left })
  })
