import { z } from 'zod'
import { keyedIssuerEntry } from './keyed-issuer-entry.ts'
import { listenAddress } from './listen-address.ts'
import { secretReference } from './secret.ts'
import { addProblem, type SettingsContext, settingSecret } from './settings-context.ts'

/** `admin`: listener of probes, metrics and the admin API. */
export const adminSettings = (context: SettingsContext) =>
  z
    .strictObject({
      listen: listenAddress
        .prefault('127.0.0.1:9090')
        .describe(
          'Where probes, metrics and the admin API listen. Default 127.0.0.1:9090. Probes and metrics answer without a ' +
            'token, and the API in plain HTTP, so bind it to addresses that only operators reach.',
        )
        .meta({ reload: 'restart' }),
      hosts: z
        .array(z.string().regex(/^[a-z0-9.:[\]-]+$/, { error: 'must be a host name in lower case, without a port' }))
        .prefault([])
        .describe(
          'Host names, beside loopback, under which the admin listener answers. Default none. Any other Host gets 421, ' +
            'so that a web page cannot reach it by rebinding a name.',
        )
        .meta({ reload: 'restart' }),
      issuer: keyedIssuerEntry
        .optional()
        .describe(
          'The issuer whose access tokens the admin API takes, by their scopes `gatehouse:…`. Apart from the issuers of ' +
            'the policy: who may edit the policy cannot appoint administrators. Its audience should be one of its own, so ' +
            'that no token for the gate is one for its administration.',
        )
        .meta({ reload: 'restart' }),
      bootstrap_token: secretReference
        .optional()
        .describe(
          'Where a token is that the admin API takes for everything: to begin with, and when the issuer is down. At least ' +
            '32 characters; `gatehouse keys generate encryption` prints as good a one.',
        )
        .meta({ reload: 'restart' }),
    })
    .transform(({ listen, hosts, issuer, bootstrap_token }, ctx) => {
      const bootstrapToken = settingSecret(bootstrap_token, ['bootstrap_token'], ctx, context)
      const message = bootstrapToken === undefined ? undefined : bootstrapTokenError(bootstrapToken)
      if (message !== undefined) addProblem(ctx, { code: 'GH_CONFIG_SECRET', message, path: ['bootstrap_token'] })
      return {
        listen,
        hosts,
        /** `undefined`: the admin API accepts no access tokens. */
        issuer,
        /** The token itself; `undefined` when no bootstrap token is configured. */
        bootstrapToken,
      }
    })
    .prefault({})

export type AdminSettings = z.output<ReturnType<typeof adminSettings>>

/** `probes`: a listener for probes and metrics alone. */
export const probesSettings = z
  .strictObject({
    listen: listenAddress
      .optional()
      .describe(
        'One more listener, with /livez, /readyz, /startupz and /metrics and nothing else, under any Host: for ' +
          'orchestrators and collectors that must not reach the admin API. Default none.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ listen }) => ({ listen }))
  .prefault({})

/** Minimum length of a bootstrap token, characters. Shorter tokens can be guessed, or are words. */
const bootstrapMinLength = 32

/** Returns the error in a bootstrap token, without quoting the token; `undefined` when the token is valid. */
function bootstrapTokenError(token: string): string | undefined {
  if (token.length < bootstrapMinLength) return `is shorter than ${bootstrapMinLength} characters`
  // Characters that a bearer token may have in an Authorization field (RFC 6750 §2.1).
  return /^[A-Za-z0-9._~+/-]+=*$/.test(token) ? undefined : 'has a character that a bearer token cannot have'
}
