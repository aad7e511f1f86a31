import type { Socket } from 'node:net'
import { Cluster, type Redis } from 'ioredis'
import type { Supervisor } from '../base/supervisor.ts'

/** Time between two sweeps over the Redis connections, ms. */
const SWEEP_MS = 250
/** Number of sweeps between two PINGs on a Redis connection. */
const SWEEPS_PER_PING = 4

/** A Redis connection as the last sweep found it. */
interface WatchedConnection {
  /** Number of sweeps in a row after which a connection on which Redis owes a reply and sends nothing is closed. */
  readonly limit: number
  bytesRead: number
  bytesWritten: number
  /** Number of sweeps since the first one that found an unanswered call; 0 without an unanswered call. */
  silentSweeps: number
}

/**
 * Closes connections on which Redis owes a reply and sends nothing; the driver then opens new ones. Without this, a
 * half-open connection fails every call until TCP gives up, which takes 15 minutes or more. The handshake of a new
 * connection counts as a call.
 *
 * Silence is counted in sweeps, not read from a clock: a process that was suspended must not close connections whose
 * replies arrived meanwhile.
 */
export class SilentConnections {
  /** Open connections of the process to Redis. @bound cluster */
  readonly #watched = new Map<Socket, WatchedConnection>()
  /** Drivers whose connections get PINGs. @bound code */
  readonly #drivers = new Set<Redis | Cluster>()
  readonly #endSweeps: () => void
  #sweeps = 0

  constructor(task: Supervisor) {
    this.#endSweeps = task.repeat(SWEEP_MS, () => this.#sweep())
  }

  /**
   * Watches a new Redis connection until it closes.
   *
   * @param limitMs  longest silence, ms; longer than any call on this connection may block
   */
  watch(stream: Socket, limitMs: number): void {
    const limit = Math.ceil(limitMs / SWEEP_MS)
    this.#watched.set(stream, { limit, bytesRead: 0, bytesWritten: 0, silentSweeps: 0 })
    stream.once('close', () => this.#watched.delete(stream))
  }

  /** Sends a PING every second on the established connections of a driver, which may be idle otherwise. */
  ping(driver: Redis | Cluster): void {
    this.#drivers.add(driver)
  }

  close(): void {
    this.#endSweeps()
  }

  #sweep(): void {
    for (const [stream, seen] of this.#watched) {
      const { bytesRead, bytesWritten } = stream
      if (bytesRead !== seen.bytesRead) seen.silentSweeps = 0
      else if (seen.silentSweeps > 0 || bytesWritten !== seen.bytesWritten) seen.silentSweeps++
      seen.bytesRead = bytesRead
      seen.bytesWritten = bytesWritten
      if (seen.silentSweeps <= seen.limit) continue
      stream.destroy(new Error(`no reply for ${seen.limit * SWEEP_MS} ms; the connection is replaced`))
    }
    if (++this.#sweeps % SWEEPS_PER_PING === 0) for (const driver of this.#drivers) pingConnections(driver)
  }
}

/** Sends a PING on each established connection. A missing reply is found by the sweeps. */
function pingConnections(driver: Redis | Cluster): void {
  for (const connection of connectionsOf(driver)) {
    if (connection.status === 'ready') void connection.ping().catch(() => {})
  }
}

function connectionsOf(driver: Redis | Cluster): readonly Redis[] {
  if (!(driver instanceof Cluster)) return [driver]
  // Read the internal list of the driver, which has no public access to its subscribers of sharded channels: one for
  // each master.
  const subscribers = driver['shardedSubscribers']?.['shardedSubscribers']?.values() ?? []
  return [...driver.nodes(), ...[...subscribers].flatMap((each) => each.getInstance() ?? [])]
}
