import type { Denial, HeaderField } from '../../base/denial.ts'
import { withResourceMetadata } from '../../oauth/challenge.ts'
import type { RenderedPage } from '../../pages/pages.ts'

const problemFields: readonly HeaderField[] = [['content-type', 'application/problem+json']]

/** A refusal as an exchange sends it. */
export interface Refusal {
  readonly denial: Denial
  readonly requestId: string
  /** URL of the protected resource metadata; `''` for a refusal without a challenge. */
  readonly metadataUrl: string
  /** Page for a browser that opens a page; `undefined`: the client gets the problem document. */
  readonly page: RenderedPage | undefined
}

/** Returns the body of a refusal: the page, or the problem document (RFC 9457). */
export function refusalBody({ denial, requestId, page }: Refusal): string {
  return page === undefined ? `${denial.problem}${requestId}"}` : page.body
}

/** Returns the header fields of a refusal: content type, request id, and challenge (RFC 9110 §11.6.1). */
export function refusalFields({ denial, requestId, metadataUrl, page }: Refusal): HeaderField[] {
  const fields: HeaderField[] = [
    ...(page?.fields ?? problemFields),
    ['cache-control', 'no-store'],
    ['x-request-id', requestId],
    ...denial.fields,
  ]
  for (const challenge of denial.challenges) {
    fields.push(['www-authenticate', withResourceMetadata(challenge, metadataUrl)])
  }
  return fields
}
