import { expect, test } from 'vitest'
import { reasons } from '../../../gateway/base/reasons.ts'
import { writeAdmitted, writeDenied } from '../../../gateway/ext-authz/check-response.ts'
import { loadEnvoyProtos } from '../../kit/envoy-protos.ts'
import { fc, propertyRuns } from '../../kit/properties.ts'

// The gate's encoder of CheckResponse, decoded by protobufjs with the original protos.

const root = loadEnvoyProtos()
const type = root.lookupType('envoy.service.auth.v3.CheckResponse')
const decode = (bytes: Buffer) => type.toObject(type.decode(bytes), { enums: Number }) as Record<string, unknown>

const name = fc.stringMatching(/^[a-z0-9-]{1,200}$/)
const value = fc
  .string({ unit: 'grapheme', maxLength: 300 })
  .filter((text) => !/[\0-\x08\x0a-\x1f\x7f]/.test(text) && text.isWellFormed())
const field = fc.tuple(name, value)

const option = ([key, text]: readonly [string, string], action: number) => ({
  header: { key, value: text },
  ...(action !== 0 && { append_action: action }),
})

/** Removes the empty lists and texts of a message, which protobufjs leaves out. */
const compact = (message: unknown) =>
  JSON.parse(JSON.stringify(message, (_, each) => (isEmpty(each) ? undefined : each)))
const isEmpty = (each: unknown) => each === '' || (Array.isArray(each) && each.length === 0)

test('a CheckResponse that admits a request decodes to the fields that were written, with append_action 2 for each field for the service', () => {
  fc.assert(
    fc.property(
      fc.array(field),
      fc.array(name),
      fc.array(field),
      fc.nat(9),
      (forService, removed, forClient, start) => {
        const bytes = writeAdmitted({ forService, removed, forClient }, start)

        expect(compact(decode(bytes.subarray(start)))).toEqual(
          compact({
            status: {},
            ok_response: {
              headers: forService.map((each) => option(each, 2)),
              headers_to_remove: removed,
              response_headers_to_add: forClient.map((each) => option(each, 0)),
            },
          }),
        )
      },
    ),
    { numRuns: propertyRuns },
  )
})

test('a CheckResponse that denies a request decodes to the status, fields and body that were written, and keeps repeated fields', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(field, { selector: ([each]) => each, maxLength: 10 }),
      fc.string({ unit: 'grapheme', maxLength: 40_000 }),
      fc.integer({ min: 1, max: 16 }),
      fc.constantFrom(303, 401, 429, 503),
      (fields, body, grpcStatus, status) => {
        const twice = [...fields, ...fields.slice(0, 1)]
        const decoded = decode(writeDenied({ grpcStatus, status, fields: twice, body }, 0))

        expect(compact(decoded)).toEqual(
          compact({
            status: { code: grpcStatus },
            denied_response: {
              status: { code: status },
              headers: twice.map((each, i) => option(each, i === fields.length ? 0 : 2)),
              body: body.toWellFormed(),
            },
          }),
        )
      },
    ),
    { numRuns: propertyRuns },
  )
})

test.each(['\r\n', '\n', '\0', '\x7f'])(
  'a CheckResponse is not written if a field value contains the control character %j',
  (character) => {
    const field = ['x-auth-request-user', `a${character}b`] as const

    expect(() => writeAdmitted({ forService: [field], removed: [], forClient: [] }, 0)).toThrow('control character')
    expect(() => writeDenied({ grpcStatus: 7, status: 403, fields: [field], body: '' }, 0)).toThrow('control character')
  },
)

test('the HTTP status of each reason exists in the protobuf definitions of Envoy', () => {
  const known = new Set(Object.values(root.lookupEnum('envoy.type.v3.StatusCode').values))
  const own = new Set(Object.values(reasons).map(({ status }) => status))
  // 499 is in records only: the client is gone.
  own.delete(499)

  expect([...own].filter((status) => !known.has(status))).toEqual([])
})
