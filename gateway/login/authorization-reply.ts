/**
 * Whether an authorization response can lead to a code exchange: it has exactly one `code`, no `error`, and no `iss` of
 * another issuer. The checks of RFC 6749 §4.1.2 and RFC 9207 §2.4 refuse any other response without a call to the
 * issuer, so the login attempt need not be redeemed.
 *
 * @param query  query of the callback request
 * @param issuer  issuer identifier
 */
export function bringsCode(query: URLSearchParams, issuer: string): boolean {
  const codes = query.getAll('code')
  if (codes.length !== 1 || codes[0] === '') return false
  // Count an empty parameter of the response as absent (RFC 6749 §3.1).
  if (query.getAll('error').some((error) => error !== '')) return false
  return query.getAll('iss').every((iss) => iss === '' || iss === issuer)
}
