/** Kinds of keys, which are also the names under `keys` in the settings. */
export const keyKinds = ['assertion', 'encryption', 'audit', 'policy'] as const
export type KeyKind = (typeof keyKinds)[number]

/** Kinds of keys whose writing key (the one that signs or encrypts) can be switched for the whole cluster. */
export const rotatedKinds = ['assertion', 'encryption', 'policy'] as const satisfies readonly KeyKind[]
export type RotatedKind = (typeof rotatedKinds)[number]

/**
 * Kinds of keys that a worker uses too, because a worker encrypts data in Redis and verifies policy revisions. A worker
 * signs no assertions and seals no audit records.
 */
export const workerKinds = ['encryption', 'policy'] as const satisfies readonly KeyKind[]
export type WorkerKind = (typeof workerKinds)[number]

/** Whether a worker uses keys of this kind. */
export function isWorkerKind(kind: KeyKind): kind is WorkerKind {
  return workerKinds.some((each) => each === kind)
}
