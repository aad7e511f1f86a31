import { z } from 'zod'

// Schema of ExportLogsServiceRequest in the JSON mapping of Protocol Buffers, in its strictest form: int64 and fixed64
// are strings of digits, ids are hexadecimal, names are in lowerCamelCase, and a value has exactly one type.

const int64 = z.string().regex(/^-?\d{1,19}$/)
const anyValue = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ intValue: int64 }),
  z.strictObject({ doubleValue: z.number() }),
])
const attributes = z.array(z.strictObject({ key: z.string().min(1), value: anyValue }))

const request = z.strictObject({
  resourceLogs: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes }),
      scopeLogs: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string() }),
          logRecords: z.array(
            z.strictObject({
              timeUnixNano: int64,
              observedTimeUnixNano: int64,
              severityNumber: z.int().min(1).max(24),
              severityText: z.string(),
              eventName: z.string(),
              body: z.strictObject({ stringValue: z.string() }),
              attributes,
              traceId: z
                .string()
                .regex(/^[0-9a-f]{32}$/)
                .optional(),
            }),
          ),
        }),
      ),
    }),
  ),
})

export interface DecodedLog {
  readonly resource: Readonly<Record<string, unknown>>
  readonly attributes: Readonly<Record<string, unknown>>
  readonly atMs: number
  readonly severity: number
  readonly event: string
  readonly body: string
  readonly traceId: string | undefined
}

/** Decodes a request with OTLP logs in JSON. @throws {Error} when the text is not valid OTLP */
export function decodeOtlpLogs(text: string): DecodedLog[] {
  return request.parse(JSON.parse(text)).resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => ({
        resource: members(resource.attributes),
        attributes: members(record.attributes),
        atMs: Number(BigInt(record.timeUnixNano) / 1_000_000n),
        severity: record.severityNumber,
        event: record.eventName,
        body: record.body.stringValue,
        traceId: record.traceId,
      })),
    ),
  )
}

function members(list: z.output<typeof attributes>): Record<string, unknown> {
  const names = list.map(({ key }) => key)
  if (new Set(names).size !== names.length) throw new Error('an attribute occurs twice')
  return Object.fromEntries(
    list.map(({ key, value }) => [key, 'intValue' in value ? Number(value.intValue) : Object.values(value)[0]]),
  )
}
