/** Maximum length of a SPIFFE ID and of its trust domain, bytes (SPIFFE-ID §2). */
const ID_MAX = 2048
const trustDomain = /^[a-z0-9._-]{1,255}$/
const spiffeId = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)+)$/

export function isTrustDomain(text: string): boolean {
  return trustDomain.test(text)
}

/**
 * Returns the trust domain of a SPIFFE ID with a path (SPIFFE-ID §2); `undefined` for any other text. A path has no
 * percent-encoded characters, and no segment `.` or `..`. An ID is compared byte for byte, so these forms must be
 * unique.
 */
export function trustDomainOf(id: string): string | undefined {
  if (id.length > ID_MAX) return undefined
  const [, domain, path] = spiffeId.exec(id) ?? []
  if (domain === undefined || path!.split('/').some((segment) => segment === '.' || segment === '..')) return undefined
  return domain
}
