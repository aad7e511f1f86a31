import type { Usage } from './model.ts'

/** Load of a cluster during a step. */
export const kinds = ['idle', 'plain', 'exact', 'leased', 'saturated'] as const
export type Kind = (typeof kinds)[number]

/** Resource usage of a cluster during a step, with its number of nodes. */
export interface ScaleStep extends Usage {
  readonly kind: Kind
  readonly nodes: number
}
