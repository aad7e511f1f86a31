import { type Denial, statusTitles } from '../base/denial.ts'
import { refusalFields } from '../pipeline/exchange/reply-fields.ts'
import type { Trailers } from '../upstream/target.ts'
import { ReplyList } from './reply-list.ts'

/** Status codes of gRPC (https://grpc.io/docs/guides/status-codes/) that the gate itself uses. */
const grpcCode = {
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const

/**
 * Status of gRPC for a denial with an HTTP status. gRPC has a table for clients that get an HTTP status only; servers
 * must not use that table, and it would make every rate limit an outage.
 */
const codes: Readonly<Record<number, number>> = {
  400: grpcCode.invalidArgument,
  401: grpcCode.unauthenticated,
  403: grpcCode.permissionDenied,
  404: grpcCode.unimplemented,
  405: grpcCode.unimplemented,
  408: grpcCode.deadlineExceeded,
  411: grpcCode.invalidArgument,
  413: grpcCode.resourceExhausted,
  414: grpcCode.resourceExhausted,
  415: grpcCode.unimplemented,
  417: grpcCode.invalidArgument,
  421: grpcCode.unimplemented,
  429: grpcCode.resourceExhausted,
  431: grpcCode.resourceExhausted,
  501: grpcCode.unimplemented,
  502: grpcCode.unavailable,
  503: grpcCode.unavailable,
  504: grpcCode.deadlineExceeded,
}

export function grpcCodeOf(status: number): number {
  return codes[status] ?? grpcCode.unknown
}

/**
 * Builds the denial of a gRPC call: HTTP status 200, and one head that is the end of the reply ("Trailers-Only"). Clients
 * read its fields as metadata, among them the challenge and the request id.
 */
export function grpcRefusal(refusal: Denial, requestId: string, metadataUrl: string): ReplyList {
  const { status, code } = refusal
  const list = grpcReply(grpcCodeOf(status), messageOf(status, code))
  for (const [name, value] of refusalFields(refusal, requestId, metadataUrl)) {
    if (name === 'content-type' || name === 'cache-control') continue
    list.writeHeader(name, value)
    if (status === 429 && name === 'retry-after') {
      list.writeHeader('grpc-retry-pushback-ms', String(Number(value) * 1000))
    }
  }
  return list
}

/** Builds the trailers that end a gRPC call whose reply has begun. */
export function grpcEnd({ status, code }: Denial): Trailers {
  return ['grpc-status', String(grpcCodeOf(status)), 'grpc-message', messageOf(status, code)]
}

function messageOf(status: number, code: string): string {
  return `${statusTitles[status] ?? status} (${code})`
}

/** Builds the gate's own reply to a gRPC call. A gRPC client cannot follow a redirection to the login. */
export function grpcAnswer(status: number, reason: string, requestId: string): ReplyList {
  const isRedirection = status < 400
  const title = isRedirection ? 'Login required' : (statusTitles[status] ?? String(status))
  const list = grpcReply(isRedirection ? grpcCode.unauthenticated : grpcCodeOf(status), `${title} (${reason})`)
  list.writeHeader('x-request-id', requestId)
  return list
}

/** @param message  text in visible ASCII and spaces, without `%`: it needs no percent-encoding */
function grpcReply(grpcStatus: number, message: string): ReplyList {
  const list = new ReplyList(200)
  list.writeHeader('content-type', 'application/grpc')
  list.writeHeader('grpc-status', String(grpcStatus))
  list.writeHeader('grpc-message', message)
  return list
}
