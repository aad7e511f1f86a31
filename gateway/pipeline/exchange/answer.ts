import type { HeaderField } from '../../base/denial.ts'
import type { Reason } from '../../base/reasons.ts'
import type { PageFile } from '../../config/page-files.ts'
import type { AdmittedCheck } from '../../ext-authz/check-response.ts'
import type { LoginReply } from '../../login/login-reply.ts'
import type { RenderedPage } from '../../pages/pages.ts'

/** A reply that the gate makes itself: keys, resource metadata, login pages, or the result of a forward-auth check. */
export interface Answer<R extends Reason = Reason> {
  readonly answer: true
  /** Reason of the reply in the access log, the audit record and the metrics. */
  readonly reason: R
  readonly status: number
  readonly fields: readonly HeaderField[]
  readonly body: string | Uint8Array
  /**
   * Content for the proxy, set only when a forward-auth check is admitted: the same content as `fields`, for a proxy
   * that does not receive the reply as HTTP fields.
   */
  readonly check?: AdmittedCheck
}

/** Builds a reply with status 200 and a JSON document. */
export function jsonAnswer(document: string, fields: readonly HeaderField[] = []): Answer<'answered'> {
  return {
    answer: true,
    reason: 'answered',
    status: 200,
    fields: [['content-type', 'application/json'], ...fields],
    body: document,
  }
}

/**
 * Converts a reply of the login and logout paths into an answer of the exchange.
 *
 * @param page  the rendered page of the reply; `undefined` for a reply without a page
 */
export function ownAnswer<R extends LoginReply['reason']>(reply: LoginReply<R>, page?: RenderedPage): Answer<R> {
  const { reason, status, fields, body } = reply
  if (page === undefined) return { answer: true, reason, status, fields, body }
  return { answer: true, reason, status, fields: [...fields, ...page.fields], body: page.body }
}

/**
 * Builds the reply with a file of the pages. The policy keeps an SVG image, opened as a document, from running a script.
 */
export function fileAnswer({ type, content }: PageFile): Answer<'answered'> {
  const fields: HeaderField[] = [
    ['content-type', type],
    ['cache-control', 'public, max-age=3600'],
    ['content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox"],
    ['x-content-type-options', 'nosniff'],
  ]
  return { answer: true, reason: 'answered', status: 200, fields, body: content }
}
