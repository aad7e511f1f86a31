/**
 * Whether a reply of an issuer can lead to an exchange of a code. One that cannot is refused by the checks of RFC 6749 §4.1.2
 * and RFC 9207 §2.4 before the issuer is asked, so nothing has to be redeemed for it.
 *
 * @param query   of the callback
 * @param issuer  the issuer identifier
 */
export function bringsCode(query: URLSearchParams, issuer: string): boolean {
  const codes = query.getAll('code')
  if (codes.length !== 1 || codes[0] === '') return false
  // An empty parameter counts as absent (RFC 6749 §3.1).
  if (query.getAll('error').some((error) => error !== '')) return false
  return query.getAll('iss').every((iss) => iss === '' || iss === issuer)
}
