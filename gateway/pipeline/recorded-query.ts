/** Names by which credentials travel in queries (RFC 6750 §2.3, OAuth, OpenID Connect, SAML), and by which they often do. */
const credentialName =
  /token|secret|passw|pwd|assertion|credential|signature|(api|access)[-_.]?key|jwt|otp|cookie|saml|sess(ion)?[-_.]?id|(code|pkce)[-_.]?verifier|(device|user)[-_.]?code|^(code|state|nonce|key|sig|sign|auth|authorization|sid|session|ticket|pin)$/i

/** A query as a record may have it: with the names of all parameters, without the values of those that carry credentials. */
export function recordedQuery(query: string): string {
  return query.replace(/[^&;]+/g, (parameter) => {
    const cut = parameter.indexOf('=')
    if (cut < 0) return parameter
    return credentialName.test(decoded(parameter.slice(0, cut))) ? `${parameter.slice(0, cut)}=(withheld)` : parameter
  })
}

/** As lenient as any service may be: what is no escape stands for itself. Names that matter are of ASCII. */
function decoded(name: string): string {
  return name
    .replaceAll('+', ' ')
    .replace(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .trim()
}
