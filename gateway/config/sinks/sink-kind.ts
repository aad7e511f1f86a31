import type { z } from 'zod'
import type { Sink } from './sink.ts'
import type { SinkResources } from './sink-resources.ts'

/**
 * One kind of audit sink: the schema of its settings, and how a sink of this kind is opened. `sink-kinds.ts` lists all
 * kinds.
 */
export interface SinkKind<Schema extends z.ZodType = z.ZodType> {
  /** Value of `type` in an entry of `audit.sinks`. */
  readonly type: string
  /**
   * Strict object schema of an entry of `audit.sinks`, including `type`. The configuration reference shows the
   * descriptions of its members.
   */
  readonly schema: Schema
  /**
   * Path of the file that the sink writes, relative to the folder of the settings. Two sinks must not write the same
   * file.
   */
  file?(entry: z.output<Schema>): string
  /** Creates an audit sink. Opens no connections or files: the first delivery does. Called only in workers. */
  open(entry: z.output<Schema>, resources: SinkResources): Sink
}

/** Returns the kind of audit sink unchanged. Exists so that TypeScript infers its types. */
export function sinkKind<Schema extends z.ZodType>(kind: SinkKind<Schema>): SinkKind<Schema> {
  return kind
}
