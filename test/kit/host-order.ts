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

/** Runs `gatehouse <words>` once. */
export interface VerbOrder {
  readonly kind: 'verb'
  readonly words: readonly string[]
  /** Working folder of the verb. */
  readonly cwd: string
  /** All environment variables of the verb. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Standard input of the verb. */
  readonly input: string
}

/** Exit code and output of a verb. */
export interface VerbRun {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export type HostOrder = NodeOrder | EndOrder | VerbOrder

export interface HostAnswer {
  /** Result of a verb. */
  readonly run?: VerbRun
  /** Resources that the closed node or the verb left open in the process, such as sockets and files. */
  readonly left: readonly string[]
  /** Whether the host can run another node. */
  readonly isFree: boolean
}
