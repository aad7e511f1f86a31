import { createHash, randomBytes } from 'node:crypto'
import { discover, type IssuerMetadata } from '../../issuers/discovery.ts'
import { IssuerHttp, type IssuerReply } from '../../issuers/issuer-http.ts'
import { readMetadataUrl } from '../../issuers/issuer-url.ts'
import type { IssuerRules } from '../../oauth/token-facts.ts'
import { callbackPath, callbackPaths } from '../../policy/issuers/callback-paths.ts'
import type { DoctorCheck, Examined } from '../doctor-check.ts'
import { failedCheck, type Outcome, ok, unknown } from '../finding.ts'

/** Maximum size of a reply of the authorization endpoint that is read, bytes. */
const REPLY_MAX_BYTES = 256 * 1024

/**
 * Checks that the redirect URI of each login is registered at its issuer: one authorization request that forbids any
 * page (`prompt=none`, OpenID Connect Core §3.1.2.1). An issuer must not redirect to a URI that is not registered (RFC
 * 6749 §4.1.2.1), so a redirect to the URI proves the registration. Most other replies prove nothing.
 */
export const redirectUriCheck: DoctorCheck = {
  name: 'redirect-uri',
  remedy: 'check the authorization endpoint of the issuer, and the way from this machine to it',
  tasks: (examined) =>
    loginsOf(examined).map(({ rules, redirectUri }) => ({
      subject: `issuer ${rules.name} ${redirectUri}`,
      // Report `unknown` for a failed request: only browsers must reach the authorization endpoint.
      onError: 'unknown',
      async run(signal) {
        const metadata = await discover(examined.issuers, rules, signal)
        if (metadata['require_pushed_authorization_requests'] === true) {
          return unknown('the issuer accepts only pushed authorization requests', registration(rules, redirectUri))
        }
        return ask(authorizationUrl(metadata, rules, redirectUri), rules, redirectUri, signal)
      },
    })),
}

/** The redirect URIs of the gate for a login. A public URL with a wildcard stands for many hosts, and is left out. */
function loginsOf({ snapshot, loaded }: Examined) {
  const origins = loaded.settings.publicUrls.filter((url) => !url.includes('*'))
  return (snapshot?.loginIssuers ?? []).flatMap((rules) => {
    const { host, redirect } = rules.login!
    const own = host === undefined ? origins : origins.filter((url) => new URL(url).hostname === host)
    return own.map((origin) => ({ rules, redirectUri: origin + callbackPath(callbackPaths[0], rules.name, redirect) }))
  })
}

function authorizationUrl(metadata: IssuerMetadata, rules: IssuerRules, redirectUri: string): string {
  const { authorization_endpoint: endpoint } = metadata
  if (typeof endpoint !== 'string') throw new Error('the metadata of the issuer has no authorization_endpoint')
  const url = readMetadataUrl(endpoint, 'authorization_endpoint', rules.issuer)
  const login = rules.login!
  const parameters = {
    ...login.parameters,
    client_id: login.clientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: login.scopes.join(' '),
    state: 'gatehouse-doctor',
    nonce: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
    code_challenge_method: 'S256',
    prompt: 'none',
    ...(login.resource !== undefined && { resource: login.resource }),
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}

async function ask(url: string, rules: IssuerRules, redirectUri: string, signal: AbortSignal): Promise<Outcome> {
  const http = new IssuerHttp({ maxBytes: REPLY_MAX_BYTES })
  try {
    const reply = await http.send(url, { method: 'GET', headers: { accept: 'text/html' }, signal })
    return await outcomeOf(reply, url, rules, redirectUri)
  } finally {
    await http.close()
  }
}

async function outcomeOf(reply: IssuerReply, url: string, rules: IssuerRules, redirectUri: string): Promise<Outcome> {
  const location = URL.parse(reply.field('location'), url)
  if (reply.status >= 300 && reply.status < 400) {
    reply.discard()
    if (location !== null && location.origin + location.pathname === redirectUri) {
      return ok('the issuer redirects to it')
    }
    return unknown(
      'the issuer redirects to another page, which does not say whether the URI is registered',
      registration(rules, redirectUri),
    )
  }
  const text = (await reply.bytes()).toString('latin1')
  if (reply.status >= 400 && reply.status < 500 && /redirect.?uri/i.test(text)) {
    return failedCheck(
      `the issuer replied ${reply.status} and complains about the redirect URI`,
      registration(rules, redirectUri),
    )
  }
  return unknown(
    `the issuer replied ${reply.status}, which does not say whether the URI is registered`,
    registration(rules, redirectUri),
  )
}

function registration({ login }: IssuerRules, redirectUri: string): string {
  return `make sure that the redirect URI ${redirectUri} is registered for client ${login!.clientId} at the issuer`
}
