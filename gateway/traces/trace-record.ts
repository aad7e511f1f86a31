import { z } from 'zod'
import type { Span } from '../telemetry/span.ts'

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))

/** Schema of a time in ms since the Unix epoch, within the range of a Date (ECMA-262 §21.4.1.1). */
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

/** Trace of one exchange or job: the span of the exchange or job first, then the spans within it. */
export type TraceRecord = readonly [Span, ...Span[]]

/** Parses a trace from Redis. Returns `undefined` if the text is invalid, for example written by another version. */
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
