import { z } from 'zod'
import { type ListenAddress, listensOnLoopback } from './listen-address.ts'
import { resourceUrl } from './resource-url.ts'
import { scopeName } from './scope-name.ts'
import { secretReference } from './secret.ts'
import { addProblem, type SettingsContext, settingSecret } from './settings-context.ts'
import { InvalidText, parsedText, text } from './text-schemas.ts'
import { isPrivate, readOrigin } from './web-url.ts'

const consoleOrigin = parsedText('an origin such as https://gate-admin.example', (given) => {
  const url = readOrigin(given)
  if (!(url instanceof URL)) return url
  if (!isPrivate(url)) return new InvalidText('must be https; http is for loopback only')
  return url.hostname.includes('*') ? new InvalidText('must be one origin, without *') : url.origin
})

const restart = { reload: 'restart' } as const

/**
 * Schema of the settings `admin.login`: how operators log in to the console at the issuer of the admin API (OpenID
 * Connect Core §3.1).
 */
const adminLoginSettings = (context: SettingsContext) =>
  z
    .strictObject({
      client_id: text('1 to 256 visible characters', /^[\x21-\x7e]{1,256}$/)
        .describe('Client id of the console at `admin.issuer`. Its redirect URI is `origin` with `/callback`.')
        .meta(restart),
      client_secret: secretReference
        .optional()
        .describe(
          'Client secret, which the gate sends by client_secret_basic. Default none: the client is public, and only PKCE ' +
            'protects its log-ins. A changed file is used without a restart.',
        )
        .meta(restart),
      origin: consoleOrigin
        .describe(
          'Origin at which browsers reach the console: https, or http on loopback. The admin listener accepts its host ' +
            'name. Behind a balancer, every node has the same value.',
        )
        .meta(restart),
      scopes: z
        .array(scopeName)
        .min(1)
        .max(64)
        .refine((scopes) => scopes.includes('openid'), {
          error: 'must contain openid, which OpenID Connect requires',
        })
        .prefault(['openid', 'gatehouse:read'])
        .describe(
          'Scopes that the console requests. Default openid and gatehouse:read, with which it changes nothing. ' +
            'The issuer should grant each user only the `gatehouse:…` scopes of that user. With offline_access, most issuers ' +
            'grant a refresh token, and a session outlives its access token.',
        )
        .meta(restart),
      resource: resourceUrl
        .optional()
        .describe(
          'Resource for which the access token is requested (RFC 8707). The token must have an audience of ' +
            '`admin.issuer.audience`. Default: the issuer decides.',
        )
        .meta(restart),
    })
    .transform(({ client_id, client_secret, origin, scopes, resource }, ctx) => {
      settingSecret(client_secret, ['client_secret'], ctx, context)
      return {
        clientId: client_id,
        /** Place of the client secret; `undefined`: the console is a public client. */
        clientSecret:
          client_secret === undefined
            ? undefined
            : client_secret.env === undefined
              ? { file: client_secret.file! }
              : { env: client_secret.env },
        origin,
        scopes: [...new Set(scopes)],
        resource,
      }
    })

export type AdminLoginSettings = z.output<ReturnType<typeof adminLoginSettings>>

/** Schemas of the settings of the console under `admin`. */
export const consoleSettings = (context: SettingsContext) => ({
  login: adminLoginSettings(context)
    .optional()
    .describe(
      'Log-in to the console at `admin.issuer`, by OpenID Connect. Default none: operators log in to the console with ' +
        'an access token or the bootstrap token.',
    )
    .meta({ reload: 'restart' }),
  one_time_links: z
    .boolean()
    .prefault(false)
    .describe(
      'Whether `POST /console/links` makes links that log a browser of this machine in to the console, once and within ' +
        '5 minutes, with the token of the caller. For demonstrations. Default false. Not when `listen` is reachable from ' +
        'other machines.',
    )
    .meta({ reload: 'restart' }),
})

interface ConsoleSettings {
  readonly listen: ListenAddress
  readonly issuer: unknown
  readonly login: unknown
  readonly one_time_links: boolean
}

/** Checks the settings of the console that depend on other settings under `admin`, and adds a problem for each error. */
export function checkConsole({ listen, issuer, login, one_time_links }: ConsoleSettings, ctx: z.RefinementCtx): void {
  if (login !== undefined && issuer === undefined) {
    const hint = 'set admin.issuer to the issuer at which operators log in'
    addProblem(ctx, { code: 'GH_CONFIG_MISSING', message: 'is required with admin.login', path: ['issuer'], hint })
  }
  if (one_time_links && !listensOnLoopback(listen)) {
    const message = 'must be false when admin.listen is not loopback: links are for browsers on this machine'
    addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: ['one_time_links'] })
  }
}
