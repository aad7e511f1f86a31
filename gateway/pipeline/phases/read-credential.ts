import type { Placed, Presented } from '../exchange.ts'
import type { Phase } from '../phase.ts'
import { presentedToken } from '../presented-token.ts'

/** Takes the bearer token out of the head. Denies 401 when there is none, 400 when it is malformed or not the only one. */
export const readCredential: Phase<Placed, Presented> = {
  name: 'read-credential',
  run(x) {
    const { denials, requirement } = x.route
    if (requirement === undefined) return undefined
    const presented = presentedToken(x)
    if (presented === 'credential-missing') return denials.credentialMissing
    if (presented === 'credential-malformed') return denials.credentialMalformed
    if (presented === 'credential-repeated') return denials.credentialRepeated
    x.credential = presented.token
    return undefined
  },
}
