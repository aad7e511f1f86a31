import { z } from 'zod'
import { checkConsole, consoleSettings } from './admin-login-settings.ts'
import { keyedIssuerEntry } from './keyed-issuer-entry.ts'
import { listenAddress } from './listen-address.ts'
import { secretReference } from './secret.ts'
import { addProblem, type SettingsContext, settingSecret } from './settings-context.ts'

/** Schema of the settings `admin`: the listener for probes, metrics and the admin API. */
export const adminSettings = (context: SettingsContext) =>
  z
    .strictObject({
      listen: listenAddress
        .prefault('127.0.0.1:9090')
        .describe(
          'Address of probes, metrics and the admin API: host:port. Default 127.0.0.1:9090. Probes and metrics need no ' +
            'token, and the admin API is plain HTTP: use an address that only operators can reach.',
        )
        .meta({ reload: 'restart' }),
      hosts: z
        .array(z.string().regex(/^[a-z0-9.:[\]-]+$/, { error: 'must be a host name in lower case, without a port' }))
        .prefault([])
        .describe(
          'Host names that the admin listener accepts, in addition to loopback names. Default []. A request with any other ' +
            'Host gets 421, which prevents DNS rebinding by web pages.',
        )
        .meta({ reload: 'restart' }),
      issuer: keyedIssuerEntry
        .optional()
        .describe(
          'Issuer whose access tokens the admin API accepts, by their `gatehouse:…` scopes. It is separate from the ' +
            'issuers of the policy, so that an author of the policy cannot appoint administrators. Use an audience that only ' +
            'the admin API has: then no token for the gate is valid for its administration. Default none.',
        )
        .meta({ reload: 'restart' }),
      bootstrap_token: secretReference
        .optional()
        .describe(
          'Reference to a token that the admin API accepts for every operation, for the first setup and while the issuer ' +
            'is unavailable. At least 32 characters; `gatehouse keys generate encryption` prints a suitable one. A client ' +
            'with this token administers the gate. After a change of the file, the previous token is accepted for another ' +
            '10 minutes. Default none.',
        )
        .meta({ reload: 'live' }),
      ...consoleSettings(context),
    })
    .transform(({ listen, hosts, issuer, bootstrap_token, login, one_time_links }, ctx) => {
      checkConsole({ listen, issuer, login, one_time_links }, ctx)
      const use = { path: ['admin', 'bootstrap_token'], usedBy: 'admin API', check: bootstrapTokenError }
      const bootstrapToken = settingSecret(bootstrap_token, ['bootstrap_token'], ctx, context, use)
      const message = bootstrapToken === undefined ? undefined : bootstrapTokenError(bootstrapToken)
      if (message !== undefined) {
        const hint = '`gatehouse keys generate encryption` prints a valid token'
        addProblem(ctx, { code: 'GH_CONFIG_SECRET', message, path: ['bootstrap_token'], hint })
      }
      return {
        listen,
        hosts,
        /** Issuer whose access tokens the admin API accepts; `undefined`: the admin API accepts no access tokens. */
        issuer,
        /**
         * The text of the bootstrap token itself, not a reference to it; `undefined` when no bootstrap token is
         * configured.
         */
        bootstrapToken,
        /** Log-in to the console at `issuer`; `undefined`: operators log in with a token. */
        login,
        oneTimeLinks: one_time_links,
      }
    })
    .prefault({})

export type AdminSettings = z.output<ReturnType<typeof adminSettings>>

/** Schema of the settings `probes`: an additional listener that serves only probes and metrics. */
export const probesSettings = z
  .strictObject({
    listen: listenAddress
      .optional()
      .describe(
        'Address of an additional listener with only /livez, /readyz, /startupz and /metrics. It accepts any Host. For ' +
          'orchestrators and collectors that must not reach the admin API. Default none.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ listen }) => ({ listen }))
  .prefault({})

/**
 * Minimum length of a bootstrap token, characters. An attacker could guess a shorter token, or find it in a dictionary.
 */
const bootstrapMinLength = 32

/**
 * Returns a text that says what is wrong with a bootstrap token, without quoting the token; `undefined` when the token
 * is valid.
 */
function bootstrapTokenError(token: string): string | undefined {
  if (token.length < bootstrapMinLength) return `must have at least ${bootstrapMinLength} characters`
  // Accept the characters that a bearer token can have in an Authorization field (RFC 6750 §2.1).
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return undefined
  return 'must have the characters of a bearer token only: letters, digits and - . _ ~ + /, then any number of ='
}
