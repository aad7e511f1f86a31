import { readAuthorization } from '../../oauth/bearer.ts'
import type { Placed, Presented } from '../exchange.ts'
import type { Phase } from '../phase.ts'

/** A token in the query is no credential (RFC 9700 §4.3.2), but beside a field it makes two (RFC 6750 §2). */
const tokenInQuery =
  /(?:^|&)(?:a|%61)(?:c|%63){2}(?:e|%65)(?:s|%73){2}(?:_|%5f)(?:t|%74)(?:o|%6f)(?:k|%6b)(?:e|%65)(?:n|%6e)=/i

/** Takes the bearer token out of the head. Denies 401 when there is none, 400 when it is malformed or not the only one. */
export const readCredential: Phase<Placed, Presented> = {
  name: 'read-credential',
  run(x) {
    const { head, route } = x
    if (route.requirement === undefined) return undefined
    if (head.authorization === undefined) return route.denials.credentialMissing
    const read = readAuthorization(head.authorization)
    if (read === 'credential-missing') return route.denials.credentialMissing
    if (read === 'credential-malformed') return route.denials.credentialMalformed
    if (head.query !== undefined && tokenInQuery.test(head.query)) return route.denials.credentialRepeated
    if (read.scheme !== 'bearer') return route.denials.credentialMissing
    x.credential = read.token
    return undefined
  },
}
