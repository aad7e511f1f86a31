import { type HeaderField, statusTitles } from '../base/denial.ts'
import { grpcCodeOf } from '../base/grpc-code.ts'
import type { DeniedCheck } from '../ext-authz/check-response.ts'
import type { Answer } from '../pipeline/exchange/answer.ts'
import type { Exchange } from '../pipeline/exchange/exchange.ts'
import { type Refusal, refusalBody, refusalFields } from '../pipeline/exchange/refusal.ts'
import { grpcAnswer, grpcRefusal } from './grpc-reply.ts'
import type { ReplyList } from './reply-list.ts'

/** Builds the denial that Envoy sends to the client of a request that the gate refuses. */
export function refusedCheck(x: Exchange, refusal: Refusal): DeniedCheck {
  const { status } = refusal.denial
  if (x.head.grpc) return deniedCall(status, grpcRefusal(refusal))
  const fields = [...refusalFields(refusal), ...x.originFields]
  return denied(status, fields, refusalBody(refusal))
}

/** Builds the ext_authz reply for a request that the gate answers itself, such as with a redirection to the login. */
export function answeredCheck(x: Exchange, answer: Answer, requestId: string): DeniedCheck {
  const { status, reason, fields, body } = answer
  // Deny a gRPC call instead: a gRPC client cannot follow a redirection.
  if (x.head.grpc) return deniedCall(status < 400 ? 401 : status, grpcAnswer(status, reason, requestId))
  return denied(status, [...fields, ['x-request-id', requestId]], body.toString())
}

/**
 * Builds the denial of a gRPC call. Envoy turns the denial into a reply without a body: HTTP status 200, with the text
 * of the denial as `grpc-message`. Envoy keeps the field `grpc-status` of the denial. Without this field, Envoy would
 * derive the gRPC status from the HTTP status, by a table for clients that reports a rate limit as an outage.
 */
function deniedCall(status: number, list: ReplyList): DeniedCheck {
  const fields: HeaderField[] = []
  let message = statusTitles[status] ?? String(status)
  for (let i = 0; i < list.fields.length; i += 2) {
    const [name, value] = [list.fields[i]!, list.fields[i + 1]!]
    if (name === 'grpc-message') message = value
    else if (name !== ':status' && name !== 'content-type') fields.push([name, value])
  }
  return denied(status, fields, message)
}

function denied(status: number, fields: readonly HeaderField[], body: string): DeniedCheck {
  return { grpcStatus: grpcCodeOf(status), status, fields: withOneChallenge(fields), body }
}

/**
 * Joins all `WWW-Authenticate` challenges in one field (RFC 9110 §11.6.1): some versions of Envoy keep only one field
 * of a name.
 */
function withOneChallenge(fields: readonly HeaderField[]): HeaderField[] {
  const challenges = fields.filter(([name]) => name === 'www-authenticate').map(([, value]) => value)
  if (challenges.length < 2) return [...fields]
  return [...fields.filter(([name]) => name !== 'www-authenticate'), ['www-authenticate', challenges.join(', ')]]
}
