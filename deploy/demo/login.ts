import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Interaction, Provider } from 'oidc-provider'
import { users } from './accounts.ts'
import { consentPage, loginPage } from './login-pages.ts'

const maxFormBytes = 4096

/**
 * Handles the login pages: user name first, then consent. GET shows the current page, POST submits it. oidc-provider
 * sets an interaction cookie for this path only, which binds both requests to one browser.
 */
export async function handleLogin(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const interaction = await provider.interactionDetails(request, response)
  if (request.method !== 'POST') return show(response, interaction)
  const form = await readForm(request)
  const finish = (result: object, mergeWithLastSubmission: boolean) =>
    provider.interactionFinished(request, response, result, { mergeWithLastSubmission })

  if (form.has('deny')) {
    return finish({ error: 'access_denied', error_description: 'the user denied the request' }, false)
  }
  if (interaction.prompt.name === 'login') {
    const user = form.get('user') ?? ''
    if (!Object.hasOwn(users, user)) return show(response, interaction, `There is no user "${user}".`)
    return finish({ login: { accountId: user } }, false)
  }
  return finish({ consent: { grantId: await grantWhatIsMissing(provider, interaction) } }, true)
}

function show(response: ServerResponse, { prompt, params, session }: Interaction, problem?: string): void {
  const client = String(params.client_id)
  if (prompt.name === 'login') {
    sendPage(response, loginPage(client, problem))
    return
  }
  const { missingOIDCScope = [], missingResourceScopes = {} } = prompt.details
  const scopes = new Set([...missingOIDCScope, ...Object.values(missingResourceScopes).flat()])
  sendPage(response, consentPage(client, session?.accountId ?? '', [...scopes]))
}

/** Grants the scopes and claims that are requested and not granted yet. @returns the id of the grant */
async function grantWhatIsMissing(provider: Provider, interaction: Interaction): Promise<string> {
  const { prompt, params, session, grantId } = interaction
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId)
  const grant = known ?? new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params.client_id) })
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes = {} } = prompt.details
  if (missingOIDCScope !== undefined) grant.addOIDCScope(missingOIDCScope.join(' '))
  if (missingOIDCClaims !== undefined) grant.addOIDCClaims(missingOIDCClaims)
  for (const [resource, scopes] of Object.entries(missingResourceScopes))
    grant.addResourceScope(resource, scopes.join(' '))
  return grant.save()
}

export function sendPage(response: ServerResponse, html: string, status = 200): void {
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(html),
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
  })
  response.end(html)
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > maxFormBytes) throw new Error('the form is too large')
  }
  return new URLSearchParams(text)
}
