import type { Usage } from './model.ts'

/**
 * Loads of a step: none, requests without a limit, with an exact limit, with a leased limit, and the maximum rate of
 * requests with a leased limit.
 */
export const kinds = ['idle', 'plain', 'exact', 'leased', 'saturated'] as const
export type Kind = (typeof kinds)[number]

/** Resource usage of a cluster during one step of the scenario `scale`. */
export interface ScaleStep extends Usage {
  readonly kind: Kind
  readonly nodes: number
}
