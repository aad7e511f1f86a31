import { didYouMean } from '../../../base/nearest.ts'
import type { IssuerRules } from '../../../oauth/token-facts.ts'
import { clientAuthOf } from '../../issuers/client-auth.ts'
import type { CredentialContext } from './credential-kind.ts'

type ClientEntry = Parameters<typeof clientAuthOf>[0] & { readonly issuer: string }

interface ClientAtIssuer {
  readonly issuer: IssuerRules
  readonly auth: NonNullable<ReturnType<typeof clientAuthOf>>
}

/**
 * Finds the issuer that an entry names, and how the gate authenticates there as a client.
 *
 * @returns `undefined` after a reported problem: an unknown issuer, or an entry without a client credential
 */
export function clientAtIssuer(
  entry: ClientEntry,
  { path, report, folderOf, issuers }: CredentialContext,
): ClientAtIssuer | undefined {
  const refuse = (message: string) => report('GH_POLICY_CREDENTIAL', message, path)
  const issuer = issuers.get(entry.issuer)
  if (issuer === undefined) {
    const hint = didYouMean(entry.issuer, issuers.keys())
    report('GH_POLICY_ISSUER', `no issuer is named ${entry.issuer}`, [...path, 'issuer'], hint)
    return undefined
  }
  const auth = clientAuthOf(entry, folderOf(path), refuse)
  if (auth?.method === 'none') {
    refuse('needs a client credential: set client_secret, private_key or certificate')
    return undefined
  }
  return auth && { issuer, auth }
}
