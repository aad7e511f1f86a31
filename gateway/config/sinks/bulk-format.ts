import { z } from 'zod'
import { text } from '../text-schemas.ts'
import { below, excerpt, type HttpFormat, httpFormatKind, type RecordOutcomes, readObject } from './http-format.ts'
import type { RejectedRecord, ShippedRecord } from './sink.ts'

const CONFLICT = 409
const TOO_MANY = 429

const reply = z.object({
  errors: z.boolean(),
  items: z.array(z.object({ create: z.object({ status: z.int(), error: z.unknown().optional() }) })),
})

const index = text('1 to 128 of a to z, digits, . _ and -', /^[a-z0-9][a-z0-9._-]{0,127}$/)
  .prefault('gatehouse-audit')
  .describe('Index or data stream of elasticsearch and opensearch. Default gatehouse-audit.')
  .meta({ reload: 'restart' })

/**
 * Bulk requests for Elasticsearch and OpenSearch. The id of an audit record is also the id of its document. If a record
 * is sent twice, the receiver reports a conflict (409) and stores no duplicate. Data streams require `@timestamp`.
 */
function bulkKind<const Preset extends string>(preset: Preset, product: string) {
  return httpFormatKind({
    preset,
    description: `bulk requests for ${product}, sent to \`url\` with the path \`/<index>/_bulk\` appended`,
    settings: { index },
    open: (entry): HttpFormat => ({
      url: below(entry.url, `/${entry.index}/_bulk`, 'filter_path=errors,items.*.status,items.*.error'),
      headers: { 'content-type': 'application/x-ndjson' },
      tokenScheme: 'Bearer',
      body: (records) => records.map(operation).join(''),
      outcomes: ({ text }, records) => outcomesOf(text, records),
    }),
  })
}

export const elasticsearch = bulkKind('elasticsearch', 'Elasticsearch')
export const opensearch = bulkKind('opensearch', 'OpenSearch')

function operation({ line, record }: ShippedRecord): string {
  const head = `{"create":{"_id":${JSON.stringify(record.id)}}}`
  return `${head}\n{"@timestamp":${JSON.stringify(record.time)},${line.slice(1)}\n`
}

function outcomesOf(text: string, records: readonly ShippedRecord[]): RecordOutcomes {
  const { errors, items } = reply.parse({ items: [], ...readObject(text) })
  if (!errors) return { rejected: [], retry: [] }
  if (items.length !== records.length)
    throw new Error(`the audit receiver replied with ${items.length} results for ${records.length} records`)
  const rejected: RejectedRecord[] = []
  const retry: ShippedRecord[] = []
  for (const [i, { create }] of items.entries()) {
    const record = records[i]!
    if (create.status < 300 || create.status === CONFLICT) continue
    if (create.status === TOO_MANY || create.status >= 500) retry.push(record)
    else
      rejected.push({
        record,
        reason: `the receiver replied ${create.status} for this record: ${excerpt(JSON.stringify(create.error ?? ''))}`,
      })
  }
  return { rejected, retry }
}
