/**
 * Modes of the overload protection: an overloaded node sheds requests, only counts the requests that it would shed, or
 * does neither.
 */
export type OverloadMode = 'shed' | 'observe' | 'off'

/** Limits above which a node is overloaded, as the settings `overload` state them. */
export interface OverloadLimits {
  readonly mode: OverloadMode
  /** Maximum median delay of the event loop, ms. */
  readonly delayMs: number
  /** Maximum number of exchanges in flight, without event streams and WebSockets. */
  readonly inFlight: number
  /** Maximum used part of the memory, 0 to 1. */
  readonly memory: number
  /** Mean delay of a refusal while there are many, ms. With 0, each refusal is sent at once. */
  readonly refusalDelayMs: number
}
