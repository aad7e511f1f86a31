import type { X509Certificate } from 'node:crypto'

/** A certificate authority with the end of its validity. */
export interface AuthorityEnd {
  /** Subject of the authority, on one line. */
  readonly subject: string
  /** End of the authority's validity, ms since the Unix epoch. */
  readonly expiresAtMs: number
}

/** Maximum number of authorities that are listed. A bundle of public authorities can contain more than 100. */
const AUTHORITIES_MAX = 20

/**
 * Lists the expiry dates of certificate authorities, the earliest first, at most 20. A bundle often has the old and the
 * new certificate of one authority, so the latest expiry date of each subject counts.
 */
export function authorityEnds(authorities: readonly X509Certificate[]): readonly AuthorityEnd[] {
  const ends = new Map<string, number>()
  for (const { subject, validToDate } of authorities) {
    const name = subject.replaceAll(/\s+/g, ' ')
    ends.set(name, Math.max(ends.get(name) ?? 0, validToDate.getTime()))
  }
  return [...ends]
    .map(([subject, expiresAtMs]) => ({ subject, expiresAtMs }))
    .sort((a, b) => a.expiresAtMs - b.expiresAtMs)
    .slice(0, AUTHORITIES_MAX)
}
