/** Names by which credentials travel in queries (RFC 6750 §2.3, OAuth, OpenID Connect, SAML), and by which they often do. */
const credentialName =
  /token|secret|passw|pwd|assertion|credential|signature|api[-_.]?key|jwt|otp|cookie|saml|^(code|state|nonce|key|sig|sign|auth|authorization|sid|session|ticket|pin)$/i

/** A query as a record may have it: with the names of all parameters, without the values of those that carry credentials. */
export function recordedQuery(query: string): string {
  return query.replace(/[^&;]+/g, (parameter) => {
    const cut = parameter.indexOf('=')
    if (cut < 0) return parameter
    return credentialName.test(decoded(parameter.slice(0, cut))) ? `${parameter.slice(0, cut)}=(withheld)` : parameter
  })
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' ')).trim()
  } catch {
    return name
  }
}
