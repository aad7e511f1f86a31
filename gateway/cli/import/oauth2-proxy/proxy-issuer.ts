import { CliError, exitCodes } from '../../output.ts'
import type { ProxyDraft } from './proxy-draft.ts'
import { secureUrl } from './secure-url.ts'

export const googleIssuer = 'https://accounts.google.com'

/** Issuers of those oauth2-proxy providers that have the same issuer for all customers. */
const fixedIssuers: Readonly<Record<string, string>> = {
  google: googleIssuer,
  gitlab: 'https://gitlab.com',
  'login.gov': 'https://secure.login.gov/',
}

/**
 * Returns the issuer of an oauth2-proxy provider. A provider without OpenID Connect, such as GitHub, has no issuer.
 *
 * @param stated  issuer from the command line, which overrides the files
 * @throws {CliError} when no issuer is known
 */
export function proxyIssuer(draft: ProxyDraft, stated: string | undefined): string {
  const url = stated ?? draft.value('oidc_issuer_url', '')
  const secure = secureUrl(url)
  if (secure !== undefined) return secure
  const provider = draft.value('provider', 'google')
  const tenant = draft.value('azure_tenant', 'common')
  if (/^(?:azure|entra-id)$/.test(provider) && tenant !== 'common')
    return `https://login.microsoftonline.com/${tenant}/v2.0`
  const fixed = Object.hasOwn(fixedIssuers, provider) ? fixedIssuers[provider] : undefined
  if (fixed !== undefined) return fixed
  const hint =
    'name the issuer with --issuer URL. For a provider without OpenID Connect, put an issuer such as Dex or Keycloak before it'
  throw new CliError(
    exitCodes.usage,
    'GH_USAGE',
    `the oauth2-proxy settings have no issuer URL for provider ${provider}`,
    hint,
  )
}
