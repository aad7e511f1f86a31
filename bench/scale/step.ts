import type { Usage } from './model.ts'

/**
 * Kinds of load in the scenario `scale`. `idle`: no requests; `plain`: requests without a limit; `exact`: with an exact
 * limit; `leased`: with a leased limit; `saturated`: with a leased limit, at the maximum rate.
 */
export const kinds = ['idle', 'plain', 'exact', 'leased', 'saturated'] as const
export type Kind = (typeof kinds)[number]

/** Resource usage of a cluster during one step of the scenario `scale`. */
export interface ScaleStep extends Usage {
  readonly kind: Kind
  readonly nodes: number
}
