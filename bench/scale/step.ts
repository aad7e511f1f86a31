import type { Usage } from './model.ts'

/** What a cluster does in a step. */
export const kinds = ['idle', 'plain', 'exact', 'leased', 'saturated'] as const
export type Kind = (typeof kinds)[number]

/** What a cluster of so many nodes used meanwhile. */
export interface ScaleStep extends Usage {
  readonly kind: Kind
  readonly nodes: number
}
