import type { HeaderField } from '../base/denial.ts'
import { bytesFieldSize, ProtobufWriter, varintSize } from './protobuf-writer.ts'

/**
 * Matches characters that a header field value must not contain. Envoy itself checks values only with its setting
 * `validate_mutations`.
 */
const unsafe = /[\0-\x08\x0a-\x1f\x7f]/

/**
 * Action (append_action) of Envoy when a header field of this name already exists. Newer versions of Envoy append by
 * default (0), so that the client's own value would stay in front. Therefore each field states its action.
 */
const AppendAction = { appendOrAdd: 0, overwriteOrAdd: 2 } as const

/** `OkHttpResponse`: what Envoy changes in a request that the gate admits. */
export interface AdmittedCheck {
  /** Header fields that Envoy sends to the service. They replace the client's fields of the same names. */
  readonly forService: readonly HeaderField[]
  /** Names of the header fields that Envoy removes from the admitted request. */
  readonly removed: readonly string[]
  /** Header fields that Envoy adds to the reply of the service. */
  readonly forClient: readonly HeaderField[]
}

/** `DeniedHttpResponse`: the reply that Envoy sends to the client of a request that the gate denies. */
export interface DeniedCheck {
  /** gRPC status code of the denial, never 0. To Envoy every value except 0 means that the request is denied. */
  readonly grpcStatus: number
  readonly status: number
  readonly fields: readonly HeaderField[]
  readonly body: string
}

/**
 * Writes a `CheckResponse` that admits a request. Fields: status = 1 (empty: OK), ok_response = 3.
 *
 * @param start  number of bytes to leave free before the message
 * @throws {Error} for a field with a line break or another control character
 */
export function writeAdmitted({ forService, removed, forClient }: AdmittedCheck, start: number): Buffer {
  const service = forService.map((field) => new HeaderOption(field, AppendAction.overwriteOrAdd))
  const client = forClient.map((field) => new HeaderOption(field, AppendAction.appendOrAdd))
  let size = 0
  for (const { size: each } of service) size += bytesFieldSize(each)
  for (const name of removed) size += bytesFieldSize(name.length)
  for (const { size: each } of client) size += bytesFieldSize(each)
  const writer = new ProtobufWriter(bytesFieldSize(0) + bytesFieldSize(size), start)
  writer.beginBytes(1, 0)
  writer.beginBytes(3, size)
  // Builds the message OkHttpResponse. Field numbers: headers = 2, headers_to_remove = 5, response_headers_to_add = 6.
  for (const option of service) option.write(writer, 2)
  for (const name of removed) writer.text(5, name, name.length)
  for (const option of client) option.write(writer, 6)
  return whole(writer)
}

/**
 * Writes a `CheckResponse` that denies a request. Fields: status = 1, denied_response = 2.
 *
 * @param start  number of bytes to leave free before the message
 * @throws {Error} for a field with a line break or another control character
 */
export function writeDenied({ grpcStatus, status, fields, body }: DeniedCheck, start: number): Buffer {
  const names = new Set<string>()
  const options = fields.map((field) => {
    const action = names.has(field[0]) ? AppendAction.appendOrAdd : AppendAction.overwriteOrAdd
    names.add(field[0])
    return new HeaderOption(field, action)
  })
  const bodyLength = Buffer.byteLength(body)
  const statusSize = 1 + varintSize(status)
  const rpcStatusSize = 1 + varintSize(grpcStatus)
  let size = bytesFieldSize(statusSize) + bytesFieldSize(bodyLength)
  for (const { size: each } of options) size += bytesFieldSize(each)
  const writer = new ProtobufWriter(bytesFieldSize(rpcStatusSize) + bytesFieldSize(size), start)
  // Builds the message google.rpc.Status. Field number: code = 1.
  writer.beginBytes(1, rpcStatusSize)
  writer.number(1, grpcStatus)
  writer.beginBytes(2, size)
  // Builds the message DeniedHttpResponse. Field numbers: status = 1 (HttpStatus: code = 1), headers = 2, body = 3.
  writer.beginBytes(1, statusSize)
  writer.number(1, status)
  for (const option of options) option.write(writer, 2)
  writer.text(3, body, bodyLength)
  return whole(writer)
}

/**
 * Builds the message HeaderValueOption. Field numbers: header = 1 (HeaderValue: key = 1, value = 2), append_action = 3.
 */
class HeaderOption {
  readonly size: number
  readonly #name: string
  readonly #value: string
  readonly #valueLength: number
  readonly #headerSize: number
  readonly #action: number

  constructor([name, value]: HeaderField, action: number) {
    if (unsafe.test(value)) throw new Error(`the value of field ${name} contains a control character`)
    this.#name = name
    this.#value = value
    this.#action = action
    this.#valueLength = Buffer.byteLength(value)
    this.#headerSize = bytesFieldSize(name.length) + bytesFieldSize(this.#valueLength)
    this.size = bytesFieldSize(this.#headerSize) + (action === 0 ? 0 : 1 + varintSize(action))
  }

  write(writer: ProtobufWriter, field: number): void {
    writer.beginBytes(field, this.size)
    writer.beginBytes(1, this.#headerSize)
    writer.text(1, this.#name, this.#name.length)
    writer.text(2, this.#value, this.#valueLength)
    if (this.#action !== 0) writer.number(3, this.#action)
  }
}

function whole(writer: ProtobufWriter): Buffer {
  // Check the written size: the computed size assumes one byte for each character of a field name. It would be too
  // small for a name that is not ASCII, but the gate never sends one.
  if (!writer.isComplete) throw new Error('the written CheckResponse does not have the computed size')
  return writer.bytes
}
