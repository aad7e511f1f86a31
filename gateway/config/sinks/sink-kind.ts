import type { z } from 'zod'
import type { Sink } from './sink.ts'
import type { SinkResources } from './sink-resources.ts'

/** One kind of audit sink: its settings, and how it is opened. `sink-kinds.ts` lists all kinds. */
export interface SinkKind<Schema extends z.ZodType = z.ZodType> {
  /** Value of `type` in `audit.sinks`. */
  readonly type: string
  /** Strict object with `type`. The configuration reference shows its descriptions. */
  readonly schema: Schema
  /** Path of the file that the sink writes, relative to `folder` of the settings. No two sinks may write one file. */
  file?(entry: z.output<Schema>): string
  /** Opens no connection and no file: these are opened by the first delivery. Runs in workers only. */
  open(entry: z.output<Schema>, resources: SinkResources): Sink
}

/** Infers the types of a kind of sink. */
export function sinkKind<Schema extends z.ZodType>(kind: SinkKind<Schema>): SinkKind<Schema> {
  return kind
}
