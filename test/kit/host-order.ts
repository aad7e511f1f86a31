/** Order to a host process to run a node. */
export interface NodeOrder {
  readonly kind: 'node'
  readonly settingsFile: string
  /** Working folder of the node. */
  readonly cwd: string
  /** All environment variables of the node. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Longest time that a request waits for Redis, ms. */
  readonly redisDeadlineMs: number
}

/** Stops the node gracefully, or closes it at once. */
export interface EndOrder {
  readonly kind: 'stop' | 'close'
  /** Line that the host writes to both output streams afterwards. */
  readonly endMark: string
}

export type HostOrder = NodeOrder | EndOrder

export interface HostAnswer {
  readonly kind: 'ended'
  /** Resources that the closed node left open in the process, such as sockets and files. */
  readonly left: readonly string[]
  /** Whether the host can run another node. */
  readonly isFree: boolean
}
