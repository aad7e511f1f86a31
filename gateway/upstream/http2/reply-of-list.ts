import { nodeHttp } from '../../base/node-http.ts'
import { MalformedReply } from '../malformed-reply.ts'
import { FIELDS_MAX, ReplyHead } from '../reply-head.ts'
import { HEAD_MAX_BYTES, type Trailers } from '../target.ts'

const { STATUS_CODES } = nodeHttp
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
/** Matches characters that a field value must not contain (RFC 9110 §5.5). */
const unsafe = /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/
const decimal = /^[0-9]{1,15}$/

/**
 * Reads the head of an HTTP/2 reply. node:http2 has already validated the head, but drops invalid fields without a
 * report. The checks here apply whatever the version of node:http2 does.
 *
 * @param list   alternating names and values, Latin-1, as on the wire
 * @param isEnd  true when the head is the whole reply
 * @throws {MalformedReply} for a reply that the gate does not forward
 */
export function replyOfList(list: readonly string[], isEnd: boolean): ReplyHead {
  const fields: string[] = []
  let status = 0
  let contentLength: number | undefined
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i]!
    const value = list[i + 1]!
    if (name.charCodeAt(0) === 0x3a) {
      if (name === ':status') status = Number(value)
      continue
    }
    if (name === 'content-length') {
      if (contentLength !== undefined) throw new MalformedReply('the reply has two Content-Length fields')
      if (!decimal.test(value)) throw new MalformedReply('the Content-Length of the reply is not a decimal number')
      contentLength = Number(value)
    }
    fields.push(name, value)
  }
  if (!(status >= 200 && status <= 999))
    throw new MalformedReply('the status of the reply is not a number from 200 to 999')
  checkFields(fields, 'head')
  const head = ReplyHead.ofText(status, STATUS_CODES[status] ?? '', fields, contentLength)
  head.isEnd = isEnd
  return head
}

/** Reads the trailers of a reply. @throws {MalformedReply} for trailers that the gate does not forward */
export function trailersOfList(list: readonly string[]): Trailers {
  checkFields(list, 'trailer section')
  return list
}

function checkFields(fields: readonly string[], where: string): void {
  if (fields.length / 2 > FIELDS_MAX)
    throw new MalformedReply(`the ${where} of the reply has more than ${FIELDS_MAX} fields`)
  let bytes = 0
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (!token.test(name)) throw new MalformedReply(`the ${where} of the reply has an invalid field name`)
    if (unsafe.test(value))
      throw new MalformedReply(`a field in the ${where} of the reply contains a control character`)
    bytes += name.length + value.length + 4
  }
  if (bytes > HEAD_MAX_BYTES) throw new MalformedReply(`the ${where} of the reply is larger than 64 KiB`)
}
