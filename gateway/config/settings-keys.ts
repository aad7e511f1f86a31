import { z } from 'zod'
import { adminSettings, probesSettings } from './admin-settings.ts'
import { auditSettings } from './audit-settings.ts'
import { sessionCacheSettings, tokenCacheSettings } from './cache-settings.ts'
import { checkPeerSettings } from './check-peer-settings.ts'
import { keysSettings } from './keys-settings.ts'
import { limitsSettings } from './limits-settings.ts'
import { listenAddress } from './listen-address.ts'
import { logSettings } from './log-settings.ts'
import { nodeSettings } from './node-settings.ts'
import { policySettings } from './policy-settings.ts'
import { trustedProxies } from './proxies.ts'
import { publicUrl } from './public-url.ts'
import { redisSettings } from './redis-settings.ts'
import { requestSettings } from './request-settings.ts'
import { revocationSettings } from './revocation-settings.ts'
import type { SettingsContext } from './settings-context.ts'
import { telemetrySettings } from './telemetry-settings.ts'
import { duration, text } from './text-schemas.ts'
import { tlsSettings } from './tls-settings.ts'
import { workerSettings } from './worker-settings.ts'

/** Keys of gatehouse.yaml. Each value is validated and has its form in code; each key has its name in the document. */
export const settingsKeys = (context: SettingsContext) =>
  z.strictObject({
    node: nodeSettings,
    listen: listenAddress
      .prefault('127.0.0.1:8080')
      .describe('Where clients connect: host:port, [address]:port, or :port for every address. Default 127.0.0.1:8080.')
      .meta({ reload: 'restart' }),
    reuse_port: z
      .boolean()
      .prefault(false)
      .describe('Lets several nodes of this machine share the port. Default false: a port that is taken is an error.')
      .meta({ reload: 'restart' }),
    public_url: publicUrl
      .optional()
      .describe(
        'Origin, or list of origins, under which clients reach the gate; https, or http on loopback. Metadata URLs and ' +
          'the issuer of assertions are built from it (the first, for an unlisted Host), never from Host itself. Required ' +
          'unless `listen` is loopback.',
      )
      .meta({ reload: 'restart' }),
    tls: tlsSettings(context).optional(),
    proxies: trustedProxies
      .optional()
      .describe(
        'Proxies and balancers in front, which are believed about the client: its address, scheme, host and certificate. ' +
          'Each an address or block, or { address, mode: tcp }. Default none: what a client says about itself is removed.',
      )
      .meta({ reload: 'restart' }),
    client_address: z
      .enum(['x-forwarded-for', 'forwarded'])
      .prefault('x-forwarded-for')
      .describe(
        'The field in which listed proxies state the client, read from right to left up to the first address that is not ' +
          'listed. Default x-forwarded-for. Only one: a proxy that writes one passes the other through as the client sent it.',
      )
      .meta({ reload: 'restart' }),
    proxy_protocol: z
      .enum(['off', 'required'])
      .prefault('off')
      .describe(
        'Whether listed proxies open connections with a PROXY v2 header. `required` refuses connections without one, and ' +
          'from anybody else; it is a relaxation, since the listener hides malformed headers from the gate: a balancer in ' +
          'HTTP mode that states the client in X-Forwarded-For is safer. Default off, which refuses connections with one. ' +
          'Needs `proxies`.',
      )
      .meta({ reload: 'restart' }),
    check: checkPeerSettings,
    admin: adminSettings(context),
    probes: probesSettings,
    policy: policySettings,
    keys: keysSettings(context),
    redis: redisSettings(context)
      .optional()
      .describe(
        'Where the nodes of one cluster meet. Default none: the node stands alone, nothing can be revoked and no limit is ' +
          'shared.',
      ),
    request: requestSettings,
    tokens: tokenCacheSettings,
    sessions: sessionCacheSettings,
    limits: limitsSettings,
    worker: workerSettings,
    audit: auditSettings,
    revocation: revocationSettings,
    drain_delay: duration({ min: '0s', max: '10m' })
      .prefault('0s')
      .describe('At a stop: time between "not ready" and closing the listener, for balancers to notice. Default 0s.')
      .meta({ reload: 'restart' }),
    drain_timeout: duration({ min: '0s', max: '1h' })
      .prefault('30s')
      .describe('At a stop: longest wait for exchanges in flight, after which they are cut. Default 30s, up to 1h.')
      .meta({ reload: 'restart' }),
    addon_sha256: text('64 hexadecimal digits in lower case', /^[0-9a-f]{64}$/)
      .optional()
      .describe(
        'SHA-256 of the uWebSockets.js addon file, for operators who run another build than the one in the lockfile. ' +
          'Default: only known builds are loaded. Whoever can choose this file runs code in the gate.',
      )
      .meta({ reload: 'restart' }),
    addon_script_sha256: text('64 hexadecimal digits in lower case', /^[0-9a-f]{64}$/)
      .optional()
      .describe(
        'SHA-256 of uws.js of the uWebSockets.js package, which loads the addon. As `addon_sha256`, for operators who run another ' +
          'build. Default: only the script of the lockfile is loaded.',
      )
      .meta({ reload: 'restart' }),
    log: logSettings,
    telemetry: telemetrySettings(context),
  })

/** Validated values of the keys of gatehouse.yaml, by their names in the document. */
export type SettingsKeys = z.output<ReturnType<typeof settingsKeys>>
