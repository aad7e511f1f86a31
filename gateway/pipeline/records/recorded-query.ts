/**
 * Matches names of query parameters that carry credentials (RFC 6750 §2.3, OAuth, OpenID Connect, SAML), and names
 * often used for such parameters.
 */
const credentialName =
  /token|secret|passw|pwd|assertion|credential|signature|(api|access)[-_.]?key|jwt|otp|cookie|saml|sess(ion)?[-_.]?id|(code|pkce)[-_.]?verifier|(device|user)[-_.]?code|^(code|state|nonce|key|sig|sign|auth|authorization|sid|session|ticket|pin)$/i

/**
 * Returns the query in the form that is recorded: all parameter names, without the values of parameters that carry
 * credentials.
 */
export function recordedQuery(query: string): string {
  return query.replace(/[^&;]+/g, (parameter) => {
    const cut = parameter.indexOf('=')
    if (cut < 0) return parameter
    return credentialName.test(decoded(parameter.slice(0, cut))) ? `${parameter.slice(0, cut)}=(withheld)` : parameter
  })
}

/**
 * Decodes the name of a query parameter leniently: an invalid escape stays as it is. All names of credential parameters
 * are ASCII.
 */
function decoded(name: string): string {
  return name
    .replaceAll('+', ' ')
    .replace(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .trim()
}
