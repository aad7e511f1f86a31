import { readAuthorization } from '../oauth/bearer.ts'
import type { RequestHead } from './request-head.ts'

/** A token in the query is no credential (RFC 9700 §4.3.2), but beside a field it makes two (RFC 6750 §2). */
const tokenInQuery =
  /(?:^|&)(?:a|%61)(?:c|%63){2}(?:e|%65)(?:s|%73){2}(?:_|%5f)(?:t|%74)(?:o|%6f)(?:k|%6b)(?:e|%65)(?:n|%6e)=/i

export type CredentialReason = 'credential-missing' | 'credential-malformed' | 'credential-repeated'

/** Where credentials are looked for. */
interface Presentation {
  readonly head: RequestHead
  readonly query: string | undefined
}

/** The bearer token of a request, or why there is none to be used. */
export function presentedToken({ head, query }: Presentation): { readonly token: string } | CredentialReason {
  if (head.authorization === undefined) return 'credential-missing'
  const read = readAuthorization(head.authorization)
  if (typeof read === 'string') return read
  if (query !== undefined && tokenInQuery.test(query)) return 'credential-repeated'
  return read.scheme === 'bearer' ? read : 'credential-missing'
}
