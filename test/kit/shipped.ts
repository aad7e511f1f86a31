import type { AuditRecord } from '../../gateway/audit/record.ts'
import { SinkMaker } from '../../gateway/audit/sink-maker.ts'
import { Secrets } from '../../gateway/config/secrets.ts'
import type { ShippedBatch, ShippedRecord, Sink } from '../../gateway/config/sinks/sink.ts'
import { sinkEntry } from '../../gateway/config/sinks/sink-kinds.ts'
import { atEnd } from './cleanup.ts'

/** An audit record in the form in which a worker passes it to a sink. */
export function shippedRecord(number: number, members: Readonly<Record<string, string | number>> = {}): ShippedRecord {
  const record = {
    id: `node-1.abc-${number}`,
    time: '2030-01-31T12:00:00.250Z',
    kind: 'exchange',
    'gatehouse.node': 'node-1',
    'gatehouse.decision': 'admitted',
    ...members,
  } as AuditRecord
  return { record, line: JSON.stringify(record) }
}

/** One batch of audit records, numbered from 1. */
export function shippedBatch(
  count: number,
  members?: (number: number) => Readonly<Record<string, string | number>>,
): ShippedBatch {
  const records = Array.from({ length: count }, (_, i) => shippedRecord(i + 1, members?.(i + 1)))
  return { records, seal: undefined }
}

/** Creates the sink that an entry of `audit.sinks` describes. */
export function sinkOf(
  entry: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
  folder = '/',
  secrets = new Secrets({ env, log: () => {} }),
): Sink {
  const maker = new SinkMaker(secrets, () => {})
  const place = { file: undefined, line: undefined, column: undefined }
  const sink = maker.make({ name: 'tested', entry: sinkEntry.parse(entry), folder, place })
  if (maker.problems.length > 0) throw new Error(maker.problems[0]!.message)
  atEnd(() => sink.close())
  return sink
}

export function idsOf(records: readonly { readonly record: ShippedRecord }[]): string[] {
  return records.map(({ record }) => record.record.id)
}
