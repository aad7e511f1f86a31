import type { IncomingMessage } from 'node:http'
import { nextRequestId } from '../../pipeline/exchange/request-id.ts'
import type { PlainReply } from '../../probes/plain-server.ts'
import type { AdminCall } from '../call-line.ts'
import { consoleHeaders } from '../console-headers.ts'
import { type CallOrigin, presentedBy } from '../failed-calls.ts'

/** A request of a browser to an endpoint of the console. */
export interface ConsoleCall extends AdminCall {
  readonly raw: IncomingMessage
  /** Client address and credential by which failed calls are limited. */
  presented: CallOrigin
  /** False while the request contains no credential to check: its failure is neither charged nor recorded. */
  isCharged: boolean
}

export function consoleCallOf(raw: IncomingMessage): ConsoleCall {
  const { method = '', url = '', headers, socket } = raw
  const call = { begunMs: Date.now() }
  const presented = presentedBy(raw)
  return { id: nextRequestId(), method, originalUrl: url, headers, socket, call, raw, presented, isCharged: true }
}

/** Completes a reply of the console with the header fields that each reply has. */
export function consoleReply({ id }: ConsoleCall, reply: PlainReply): PlainReply {
  return { ...reply, fields: { ...consoleHeaders, 'x-request-id': id, ...reply.fields } }
}

export function jsonReply(status: number, document: object): PlainReply {
  return { status, type: 'application/json', body: `${JSON.stringify(document)}\n` }
}

/** Reply without content that sets or deletes cookies. */
export function cookieReply(cookies: readonly string[]): PlainReply {
  return { status: 204, type: 'application/json', body: '', fields: { 'set-cookie': cookies } }
}

/** Reply that sends a browser to another URL. */
export function redirectReply(location: string, cookies: readonly string[] = []): PlainReply {
  const type = 'text/plain; charset=utf-8'
  return { status: 303, type, body: '', fields: { location, 'set-cookie': cookies } }
}
