import type { IssuedToken, Provider } from 'oidc-provider'

interface GrantContext {
  readonly oidc: {
    readonly params: { readonly grant_type?: string }
    readonly client?: { readonly clientId: string }
    readonly entities: { readonly AccessToken?: IssuedToken; readonly ClientCredentials?: IssuedToken }
  }
}

/**
 * Writes one JSON line to stdout for each issued token, refused token request and server error. The line never contains
 * the token.
 */
export function logTokens(provider: Provider): void {
  provider.on('grant.success', ({ oidc }: GrantContext) => {
    const token = oidc.entities.AccessToken ?? oidc.entities.ClientCredentials
    if (token === undefined) return
    log('token_issued', {
      grant: oidc.params.grant_type,
      client: token.clientId,
      subject: token.accountId ?? token.clientId,
      scope: token.scope ?? '',
      audience: token.aud,
      format: token.format,
      expires_in: token.expiration,
    })
  })
  provider.on('grant.error', ({ oidc }: GrantContext, error: Error & { error_description?: string }) => {
    const { grant_type: grant } = oidc.params ?? {}
    log('token_refused', {
      grant,
      client: oidc.client?.clientId,
      error: error.message,
      detail: error.error_description,
    })
  })
  provider.on('server_error', (_: unknown, error: Error) => log('server_error', { error: error.stack }))
}

function log(event: string, members: object): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...members })}\n`)
}
