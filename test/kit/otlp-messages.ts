/** A decoded message: values by field name. A repeated field is a list. */
export type Message = Record<string, unknown>

type FieldForm = 'text' | 'bytes' | 'bool' | 'integer' | 'double' | 'fixed64' | 'fixed32' | Schema

interface Field {
  readonly name: string
  readonly form: FieldForm
  readonly repeated?: true
}

/** Fields of a message, by field number. */
type Schema = () => Readonly<Record<number, Field>>

const one = (name: string, form: FieldForm): Field => ({ name, form })
const many = (name: string, form: FieldForm): Field => ({ name, form, repeated: true })

// opentelemetry/proto/common/v1/common.proto
const anyValue: Schema = () => ({
  1: one('stringValue', 'text'),
  2: one('boolValue', 'bool'),
  3: one('intValue', 'integer'),
  4: one('doubleValue', 'double'),
  5: one('arrayValue', () => ({ 1: many('values', anyValue) })),
})
const keyValue: Schema = () => ({ 1: one('key', 'text'), 2: one('value', anyValue) })
const resource: Schema = () => ({ 1: many('attributes', keyValue) })
const scope: Schema = () => ({ 1: one('name', 'text'), 2: one('version', 'text') })

// opentelemetry/proto/trace/v1/trace.proto
const link: Schema = () => ({ 1: one('traceId', 'bytes'), 2: one('spanId', 'bytes') })
const span: Schema = () => ({
  1: one('traceId', 'bytes'),
  2: one('spanId', 'bytes'),
  4: one('parentSpanId', 'bytes'),
  5: one('name', 'text'),
  6: one('kind', 'integer'),
  7: one('startTimeUnixNano', 'fixed64'),
  8: one('endTimeUnixNano', 'fixed64'),
  9: many('attributes', keyValue),
  13: many('links', link),
  15: one('status', () => ({ 2: one('message', 'text'), 3: one('code', 'integer') })),
})

// opentelemetry/proto/metrics/v1/metrics.proto
const numberPoint: Schema = () => ({
  4: one('asDouble', 'double'),
  6: one('asInt', 'fixed64'),
  7: many('attributes', keyValue),
})
const histogramPoint: Schema = () => ({
  4: one('count', 'fixed64'),
  5: one('sum', 'double'),
  9: many('attributes', keyValue),
})
const points =
  (point: Schema): Schema =>
  () => ({ 1: many('dataPoints', point) })
const metric: Schema = () => ({
  1: one('name', 'text'),
  2: one('description', 'text'),
  3: one('unit', 'text'),
  5: one('gauge', points(numberPoint)),
  7: one('sum', points(numberPoint)),
  9: one('histogram', points(histogramPoint)),
})

// opentelemetry/proto/logs/v1/logs.proto
const logRecord: Schema = () => ({
  1: one('timeUnixNano', 'fixed64'),
  2: one('severityNumber', 'integer'),
  3: one('severityText', 'text'),
  5: one('body', anyValue),
  6: many('attributes', keyValue),
  9: one('traceId', 'bytes'),
  10: one('spanId', 'bytes'),
})

const request =
  (groups: string, scopes: string, items: string, item: Schema): Schema =>
  () => ({
    1: many(groups, () => ({
      1: one('resource', resource),
      2: many(scopes, () => ({ 1: one('scope', scope), 2: many(items, item) })),
    })),
  })

/** Schema of the export request of each signal (opentelemetry/proto/collector/…). */
export const messageSchemas = {
  traces: request('resourceSpans', 'scopeSpans', 'spans', span),
  metrics: request('resourceMetrics', 'scopeMetrics', 'metrics', metric),
  logs: request('resourceLogs', 'scopeLogs', 'logRecords', logRecord),
} as const

/**
 * Decodes a Protocol Buffers message (proto3 encoding). Skips fields that are not in the schema.
 *
 * @throws {Error} when the bytes are not a valid message
 */
export function readMessage(bytes: Uint8Array, schema: Schema): Message {
  const fields = schema()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const message: Message = {}
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      if (at >= bytes.length || shift > 63n) throw new Error('a varint has no end')
      const byte = bytes[at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const field = fields[tag >> 3]
    const value = take(tag & 7)
    if (field === undefined) continue
    const read = interpret(value, field.form)
    if (field.repeated !== true) message[field.name] = read
    else message[field.name] = [...((message[field.name] as unknown[] | undefined) ?? []), read]
  }
  return message

  function take(wireType: number): bigint | Uint8Array {
    if (wireType === 0) return varint()
    const length = wireType === 1 ? 8 : wireType === 5 ? 4 : wireType === 2 ? Number(varint()) : -1
    if (length < 0 || at + length > bytes.length) throw new Error(`a field of wire type ${wireType} has no end`)
    const from = at
    at += length
    if (wireType === 1) return view.getBigUint64(from, true)
    if (wireType === 5) return BigInt(view.getUint32(from, true))
    return bytes.subarray(from, at)
  }
}

function interpret(value: bigint | Uint8Array, form: FieldForm): unknown {
  if (typeof value !== 'bigint') {
    if (form === 'text') return Buffer.from(value).toString('utf8')
    return typeof form === 'function' ? readMessage(value, form) : value
  }
  switch (form) {
    case 'bool':
      return value !== 0n
    case 'integer':
      return Number(BigInt.asIntN(64, value))
    case 'double': {
      const view = new DataView(new ArrayBuffer(8))
      view.setBigUint64(0, value)
      return view.getFloat64(0)
    }
    default:
      return value
  }
}
