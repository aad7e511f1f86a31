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

export type HostOrder =
  | NodeOrder
  /** Closes the node. The host then writes the line `endMark` to both output streams. */
  | { readonly kind: 'end-node'; readonly endMark: string }

export interface HostAnswer {
  readonly kind: 'ended'
  /** Resources that the closed node left open in the process, such as sockets and files. */
  readonly left: readonly string[]
  /** Whether the host can run another node. */
  readonly isFree: boolean
}
