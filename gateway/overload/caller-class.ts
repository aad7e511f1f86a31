import { type Priority, priorities } from '../base/priority.ts'

/**
 * Kinds of callers, by how the node knows them before it verifies anything; the least known first. `stranger`: nothing.
 * `address`: the client address sent a valid credential in the last 10 minutes. `user`: the node has already verified
 * the credential of the request.
 */
export const callerKinds = ['stranger', 'address', 'user'] as const

export type CallerKind = (typeof callerKinds)[number]

/**
 * Number of classes of requests. A class is a kind of caller with a priority. Classes are numbered in the order in which
 * an overloaded node sheds them: all strangers first, then callers known by their address, then users, and within each
 * kind the lowest priority first. The kind comes first, so that no flood of strangers displaces a user, whatever the
 * priority of the flooded route.
 */
export const CLASSES = callerKinds.length * priorities.length

/** Index of each kind of caller in `callerKinds`. */
export const STRANGER = 0
export const KNOWN_ADDRESS = 1
export const USER = 2

/**
 * @param kind  index in `callerKinds`. @param priority  index in `priorities`. @returns the class; class 0 is shed
 *   first
 */
export function classOf(kind: number, priority: number): number {
  return kind * priorities.length + priority
}

/** Names of a class in metrics: those of its kind of caller and of its priority. */
export interface ClassNames {
  readonly caller: CallerKind
  readonly priority: Priority
}

/** Names of the classes, by class. */
export const classNames: readonly ClassNames[] = callerKinds.flatMap((caller) =>
  priorities.map((priority) => ({ caller, priority })),
)
