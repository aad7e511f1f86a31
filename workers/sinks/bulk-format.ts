import { z } from 'zod'
import { below, excerpt, type HttpFormat, type RecordOutcomes, readObject } from './http-format.ts'
import type { Refused, ShippedRecord } from './sink.ts'

const CONFLICT = 409
const TOO_MANY = 429

const reply = z.object({
  errors: z.boolean(),
  items: z.array(z.object({ create: z.object({ status: z.int(), error: z.unknown().optional() }) })),
})

/**
 * Bulk requests for Elasticsearch and OpenSearch. Each record is created with its own id as document id, so that a
 * record sent twice is a conflict (409) and not a duplicate. Data streams require `@timestamp`.
 */
export function bulkFormat(base: URL, index: string): HttpFormat {
  return {
    url: below(base, `/${index}/_bulk`, 'filter_path=errors,items.*.status,items.*.error'),
    headers: { 'content-type': 'application/x-ndjson' },
    tokenScheme: 'Bearer',
    body: (records) => records.map(operation).join(''),
    judge: ({ text }, records) => verdict(text, records),
  }
}

function operation({ line, record }: ShippedRecord): string {
  const head = `{"create":{"_id":${JSON.stringify(record.id)}}}`
  return `${head}\n{"@timestamp":${JSON.stringify(record.time)},${line.slice(1)}\n`
}

function verdict(text: string, records: readonly ShippedRecord[]): RecordOutcomes {
  const { errors, items } = reply.parse({ items: [], ...readObject(text) })
  if (!errors) return { refused: [], again: [] }
  if (items.length !== records.length)
    throw new Error(`replied with ${items.length} results for ${records.length} records`)
  const refused: Refused[] = []
  const again: ShippedRecord[] = []
  for (const [i, { create }] of items.entries()) {
    const record = records[i]!
    if (create.status < 300 || create.status === CONFLICT) continue
    if (create.status === TOO_MANY || create.status >= 500) again.push(record)
    else refused.push({ record, reason: `${create.status} ${excerpt(JSON.stringify(create.error ?? ''))}` })
  }
  return { refused, again }
}
