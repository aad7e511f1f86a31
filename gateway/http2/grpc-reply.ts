import { type Denial, statusTitles } from '../base/denial.ts'
import { grpcCodeOf } from '../base/grpc-code.ts'
import { type Refusal, refusalFields } from '../pipeline/exchange/refusal.ts'
import type { Trailers } from '../upstream/target.ts'
import { ReplyList } from './reply-list.ts'

/**
 * Builds the denial of a gRPC call: HTTP status 200, and one head that is the end of the reply ("Trailers-Only"). Clients
 * read its fields as metadata, among them the challenge and the request id.
 */
export function grpcRefusal(refusal: Refusal): ReplyList {
  const { status, code } = refusal.denial
  const list = grpcReply(grpcCodeOf(status), messageOf(status, code))
  for (const [name, value] of refusalFields(refusal)) {
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
  const list = grpcReply(grpcCodeOf(status), `${title} (${reason})`)
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
