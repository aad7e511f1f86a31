import { z } from 'zod'
import type { Span } from '../telemetry/span.ts'

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))

/** ms since the epoch: what a Date holds (ECMA-262 §21.4.1.1). */
const time = z.number().min(0).max(8.64e15)

const span = z.object({
  traceId: hex(32),
  spanId: hex(16),
  parentId: z.union([z.literal(''), hex(16)]),
  remoteParent: z.boolean(),
  name: z.string(),
  kind: z.enum(['server', 'client', 'internal', 'consumer']),
  startMs: time,
  endMs: time,
  error: z.string().optional(),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  links: z.array(z.object({ traceId: hex(32), spanId: hex(16) })),
})

const record = z.array(span).min(1).max(100)

/** An exchange or a job: its own span, then those within it. */
export type TraceRecord = readonly [Span, ...Span[]]

/** Reads a record as Redis has it; `undefined` for what is none: another version, or somebody else, wrote it. */
export function readTraceRecord(text: string): TraceRecord | undefined {
  const { data } = record.safeParse(parsed(text))
  return data?.map((each): Span => ({ ...each, error: each.error })) as TraceRecord | undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
