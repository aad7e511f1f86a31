import protobuf from 'protobufjs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { deployed, documented } from '../../kit/documented.ts'
import { loadEnvoyProtos } from '../../kit/envoy-protos.ts'

// The Envoy configurations in docs/ against the original protos of the filter: each field exists and has its type. The
// protos of clusters and meshes are not here.

const name = 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz'
const root = loadEnvoyProtos('envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto')

interface Filter {
  readonly name: string
  readonly typed_config: Readonly<Record<string, unknown>>
}

/** Finds the first field of a JSON message that its type does not have, or whose value is of another type. */
function fault(type: protobuf.Type, message: Readonly<Record<string, unknown>>, at = ''): string | undefined {
  for (const [key, value] of Object.entries(message)) {
    const field = type.fields[key]
    const place = `${at}.${key}`
    if (field === undefined) return `${place} is unknown`
    for (const each of field.repeated ? (value as unknown[]) : [value]) {
      const found = faultOfValue(field.resolve(), each, place)
      if (found !== undefined) return found
    }
  }
  return undefined
}

function faultOfValue(field: protobuf.Field, value: unknown, place: string): string | undefined {
  const type = field.resolvedType
  if (type instanceof protobuf.Enum) return String(value) in type.values ? undefined : `${place} is no ${type.name}`
  if (type?.fullName === '.google.protobuf.Duration') {
    return /^[0-9.]+s$/.test(String(value)) ? undefined : `${place} is no duration`
  }
  if (type !== null) return fault(type, value as Record<string, unknown>, place)
  const wanted = { bool: 'boolean', string: 'string', uint32: 'number' }[field.type]
  return wanted === typeof value ? undefined : `${place} is no ${field.type}`
}

function faultOf({ typed_config }: Filter): string | undefined {
  const { '@type': url, ...config } = typed_config
  return url === `type.googleapis.com/${name}` ? fault(root.lookupType(name), config) : `type ${url}`
}

test('the documented Envoy filter that sends checks over gRPC has only fields that exist in ExtAuthz, with the right types', () => {
  const { http_filters } = parse(documented('guide/ext-authz.md', 'yaml envoy', {})) as { http_filters: Filter[] }

  expect(http_filters.map((each) => each.name)).toEqual(['envoy.filters.http.ext_authz', 'envoy.filters.http.router'])
  expect(faultOf(http_filters[0]!)).toBeUndefined()
  expect(http_filters[0]!.typed_config).toMatchObject({ failure_mode_allow: false, encode_raw_headers: true })
})

test('the documented Envoy filter that sends checks over HTTP has only fields that exist in ExtAuthz, with the right types', () => {
  const [filter] = parse(deployed('forward-auth/envoy.yaml', {})) as Filter[]

  expect(faultOf(filter!)).toBeUndefined()
})

test.each([
  [{ failure_mode: false }, '.failure_mode is unknown'],
  [{ failure_mode_allow: 'false' }, '.failure_mode_allow is no bool'],
  [{ grpc_service: { timeout: 5 } }, '.grpc_service.timeout is no duration'],
  [{ status_on_error: { code: 'Teapot' } }, '.status_on_error.code is no StatusCode'],
])(
  'the comparison of an Envoy filter with the protobuf definitions of Envoy finds the error in %j',
  (config, found) => {
    const typed_config = { '@type': `type.googleapis.com/${name}`, ...config }

    expect(faultOf({ name: 'x', typed_config })).toBe(found)
  },
)
