import { type Denial, denial } from '../../base/denial.ts'
import { formatSize } from '../../base/size.ts'

/**
 * Denial 413 of a request body.
 *
 * @param maxBytes  maximum size of the body, bytes
 * @param bytes  announced size of the body, bytes; `undefined` when the client did not announce it
 */
export function bodyTooLarge(maxBytes: number, bytes?: number): Denial<'body-too-large'> {
  const had = bytes === undefined ? '' : `, and the body has ${bytes} bytes`
  return denial('body-too-large', { detail: `the maximum size of the body is ${formatSize(maxBytes)}${had}` })
}

/** Denial 413 of a gRPC message. @param maxBytes  maximum size of a message, bytes */
export function grpcMessageTooLarge(maxBytes: number): Denial<'message-too-large'> {
  return denial('message-too-large', { detail: `the maximum size of a message is ${formatSize(maxBytes)}` })
}

export function targetTooLong(max: number, had: number): Denial<'target-too-long'> {
  return denial('target-too-long', {
    detail: `the maximum length of path and query is ${max} characters, and the request has ${had}`,
  })
}

export function headTooLarge(maxBytes: number, bytes: number): Denial<'head-too-large'> {
  return denial('head-too-large', {
    detail: `the maximum size of the request head is ${formatSize(maxBytes)}, and the head has ${bytes} bytes`,
  })
}

export function tooManyFields(max: number, had: number): Denial<'fields-too-many'> {
  return denial('fields-too-many', {
    detail: `the maximum number of header fields is ${max}, and the request has ${had}`,
  })
}
