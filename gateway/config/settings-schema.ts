import { z } from 'zod'
import { adminSettings, probesSettings } from './admin.ts'
import { keysSettings } from './assertion-keys.ts'
import { auditSettings } from './audit-settings.ts'
import { tlsSettings } from './certificates.ts'
import { checkSettings } from './check-settings.ts'
import { limitsSettings } from './limits.ts'
import { listenAddress } from './listener.ts'
import { duration, text } from './parsed.ts'
import { trustedProxies } from './proxies.ts'
import { publicUrl } from './public-url.ts'
import { redisSettings } from './redis-settings.ts'
import { requestSettings } from './request-limits.ts'
import { revocationSettings } from './revocation-settings.ts'
import { telemetrySettings } from './telemetry-settings.ts'
import { workerSettings } from './worker-settings.ts'

const nodeSettings = z
  .strictObject({
    id: text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/)
      .optional()
      .describe(
        'Name of the node in logs and in the cluster. Unique: a node whose id another one has at present ends. Default: host name and process id.',
      )
      .meta({ reload: 'restart' }),
  })
  .prefault({})

const policySettings = z.strictObject({
  source: z
    .literal('file')
    .prefault('file')
    .describe('Where the policy comes from. `file` is watched, and swapped in without a failed request.')
    .meta({ reload: 'restart' }),
  path: z
    .string()
    .min(1)
    .describe('The policy: a file, or a folder of *.yaml files. Relative to the folder of the settings file.')
    .meta({ reload: 'restart' }),
})

const logSettings = z
  .strictObject({
    format: z
      .enum(['json', 'pretty'])
      .prefault('json')
      .describe('Form of log lines on stdout: `json`, one object a line (default), or `pretty` for people.')
      .meta({ reload: 'restart' }),
    access: z
      .boolean()
      .prefault(true)
      .describe('One line for each exchange, with the decision and its reason, never a token. Default true.')
      .meta({ reload: 'restart' }),
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .prefault('info')
      .describe('Least severe lines that are written; the access log has its own switch. Default info.')
      .meta({ reload: 'restart' }),
  })
  .prefault({})

/** Schema of gatehouse.yaml. The reference and the JSON Schema are generated from it. */
export const settingsSchema = z.strictObject({
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
  tls: tlsSettings.optional(),
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
  check: checkSettings,
  admin: adminSettings,
  probes: probesSettings,
  policy: policySettings,
  keys: keysSettings,
  redis: redisSettings
    .optional()
    .describe(
      'Where the nodes of one cluster meet. Default none: the node stands alone, nothing can be revoked and no limit is ' +
        'shared.',
    ),
  request: requestSettings,
  tokens: z
    .strictObject({
      cache: z
        .int()
        .min(64)
        .max(1_048_576)
        .prefault(16_384)
        .describe('Tokens whose verified facts are kept, in entries. Default 16384, 64 to 1048576; about 3 KiB each.')
        .meta({ reload: 'restart' }),
    })
    .prefault({}),
  sessions: z
    .strictObject({
      cache: z
        .int()
        .min(64)
        .max(1_048_576)
        .prefault(8192)
        .describe(
          'Login sessions that a node keeps in memory, opened. Default 8192, 64 to 1048576; 5 to 10 KiB each as a rule. ' +
            'They go on while Redis is away; others wait for it.',
        )
        .meta({ reload: 'restart' }),
    })
    .prefault({}),
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
  telemetry: telemetrySettings,
})

export type SettingsDocument = z.output<typeof settingsSchema>
