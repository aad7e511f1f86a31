import { z } from 'zod'
import { file } from './file.ts'
import { http } from './http.ts'
import { otlp } from './otlp.ts'
import type { Sink } from './sink.ts'
import type { SinkKind } from './sink-kind.ts'
import type { SinkResources } from './sink-resources.ts'
import { syslog } from './syslog.ts'

/** All kinds of audit sinks, in the order of the configuration reference. */
export const sinkKinds = [file, http, otlp, syslog] as const satisfies readonly SinkKind[]

type Schemas<Kinds> = { readonly [I in keyof Kinds]: Kinds[I] extends SinkKind<infer Schema> ? Schema : never }

const schemas = sinkKinds.map(({ schema }) => schema) as unknown as Schemas<typeof sinkKinds>

/** Schema of an entry of `audit.sinks`: one destination to which audit records are shipped. */
export const sinkEntry = z.discriminatedUnion('type', schemas, {
  error: (issue) =>
    issue.code === 'invalid_union' ? `must be one of ${sinkKinds.map(({ type }) => type).join(', ')}` : undefined,
})

export type SinkEntry = z.output<typeof sinkEntry>

const byType: ReadonlyMap<string, SinkKind> = new Map(sinkKinds.map((kind) => [kind.type, kind as SinkKind]))

/**
 * Returns the path of the file that an audit sink writes, as in its settings; `undefined` when the sink writes no file.
 */
export function sinkFile(entry: SinkEntry): string | undefined {
  return byType.get(entry.type)!.file?.(entry)
}

/** Opens an audit sink. Unreadable secrets and certificates are added to the problems of `resources`. */
export function openSink(entry: SinkEntry, resources: SinkResources): Sink {
  return byType.get(entry.type)!.open(entry, resources)
}
