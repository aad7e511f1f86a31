import { z } from 'zod'
import { adminSettings, probesSettings } from './admin-settings.ts'
import { auditSettings } from './audit-settings.ts'
import { sessionCacheSettings, tokenCacheSettings } from './cache-settings.ts'
import { checkPeerSettings } from './check-peer-settings.ts'
import { dpopSettings } from './dpop-settings.ts'
import { http2Settings } from './http2-settings.ts'
import { keysSettings } from './keys-settings.ts'
import { limitsSettings } from './limits-settings.ts'
import { listenAddress } from './listen-address.ts'
import { logSettings } from './log-settings.ts'
import { nodeSettings } from './node-settings.ts'
import { overloadSettings } from './overload-settings.ts'
import { pagesSettings } from './pages-settings.ts'
import { policySettings } from './policy-settings.ts'
import { trustedProxies } from './proxies.ts'
import { publicUrl } from './public-url.ts'
import { redisSettings } from './redis-settings.ts'
import { requestSettings } from './request-settings.ts'
import { revocationSettings } from './revocation-settings.ts'
import type { SettingsContext } from './settings-context.ts'
import { streamsSettings } from './streams-settings.ts'
import { telemetrySettings } from './telemetry-settings.ts'
import { duration, text } from './text-schemas.ts'
import { tlsSettings } from './tls-settings.ts'
import { upstreamDnsSettings } from './upstream-dns-settings.ts'
import { workerSettings } from './worker-settings.ts'

/** Settings of the listener of the data plane, which receives the requests of clients. */
const listenerKeys = {
  listen: listenAddress
    .prefault('127.0.0.1:8080')
    .describe(
      'Address of the data plane: host:port, [address]:port, or :port for all addresses. Default 127.0.0.1:8080.',
    )
    .meta({ reload: 'restart' }),
  listen_h2: http2Settings
    .optional()
    .describe(
      'HTTP/2 listener of the data plane, for HTTP/2 clients and balancers. Default none: the gate speaks HTTP/1.1 only. ' +
        'Not with `proxy_protocol: required`.',
    ),
  reuse_port: z
    .boolean()
    .prefault(false)
    .describe('Allows several nodes of this machine to share the port. Default false: a port in use is an error.')
    .meta({ reload: 'restart' }),
  public_url: publicUrl
    .optional()
    .describe(
      'Origin, or list of origins, at which clients reach the gate: https, or http on loopback. Metadata URLs and the ' +
        'issuer of assertions are built from these origins, never from Host; for a Host that is not listed, from the ' +
        'first origin. Any origin but the first may have `*` as its first label, which stands for one label of the ' +
        'requested Host: `https://*.apps.example`. Required unless `listen` is loopback.',
    )
    .meta({ reload: 'restart' }),
}

/** Settings for proxies in front of the gate, and for the form in which they state the client's address. */
const proxyKeys = {
  proxies: trustedProxies
    .optional()
    .describe(
      'Trusted proxies and load balancers. The gate trusts their statements about the client: its address, scheme, ' +
        'host and certificate. Each is an address, a CIDR block, or { address, mode: tcp }. Default none: header ' +
        'fields in which clients state these values are removed.',
    )
    .meta({ reload: 'restart' }),
  client_address: z
    .enum(['x-forwarded-for', 'forwarded'])
    .prefault('x-forwarded-for')
    .describe(
      'Header field in which trusted proxies state the client address. It is read from right to left, up to the ' +
        'first address that is not a trusted proxy. Only this field is read, because a proxy that writes one such ' +
        'field passes on the other such fields as the client sent them. Default x-forwarded-for.',
    )
    .meta({ reload: 'restart' }),
  client_certificate: z
    .enum(['client-cert', 'x-forwarded-client-cert', 'nginx-escaped'])
    .optional()
    .describe(
      "Header field in which trusted proxies state the client's certificate. client-cert: Client-Cert and " +
        'Client-Cert-Chain (RFC 9440). x-forwarded-client-cert: as Envoy writes it, with Cert, and optionally Chain. ' +
        'nginx-escaped: ssl-client-cert with the value of $ssl_client_escaped_cert. The gate reads only this field, and ' +
        'removes the other ones. Requires `proxies` or `check.peers`. Default none: the gate knows no certificate behind a ' +
        'proxy; Client-Cert of a trusted proxy is forwarded unverified.',
    )
    .meta({ reload: 'restart' }),
  proxy_protocol: z
    .enum(['off', 'required'])
    .prefault('off')
    .describe(
      'Whether trusted proxies start connections with a PROXY v2 header. off: connections with a header are rejected. ' +
        'required: connections without a header, or from other peers, are rejected. required is a relaxation, because ' +
        'the listener hides malformed headers from the gate: a balancer in HTTP mode that sets X-Forwarded-For is safer. ' +
        'Requires `proxies`. Default off.',
    )
    .meta({ reload: 'restart' }),
}

/** Settings for the graceful stop of a node. */
const stopKeys = {
  drain_delay: duration({ min: '0s', max: '10m' })
    .prefault('0s')
    .describe(
      'Time at a graceful stop between "not ready" and closing the listener, in which load balancers notice the ' +
        'stop. Default 0s.',
    )
    .meta({ reload: 'restart' }),
  drain_timeout: duration({ min: '0s', max: '1h' })
    .prefault('30s')
    .describe(
      'Maximum time at a graceful stop to wait for running exchanges. Exchanges that still run then are aborted. ' +
        'Default 30s, up to 1h.',
    )
    .meta({ reload: 'restart' }),
}

/** Settings for the builds of uWebSockets.js that a node is allowed to load. */
const addonKeys = {
  addon_sha256: text('64 hexadecimal digits in lower case', /^[0-9a-f]{64}$/)
    .optional()
    .describe(
      'SHA-256 of the uWebSockets.js addon file, to allow another build than that of the lockfile. Default: only known ' +
        'builds are loaded. This file runs as code in the gate.',
    )
    .meta({ reload: 'restart' }),
  addon_script_sha256: text('64 hexadecimal digits in lower case', /^[0-9a-f]{64}$/)
    .optional()
    .describe(
      'SHA-256 of uws.js of the uWebSockets.js package, the script that loads the addon, to allow another build than ' +
        'that of the lockfile. Default: only the script of the lockfile is loaded. This file runs as code in the gate.',
    )
    .meta({ reload: 'restart' }),
}

/**
 * Schema of all keys of gatehouse.yaml. The values are validated and parsed; the keys have their names in the document,
 * such as `public_url`.
 */
export const settingsKeys = (context: SettingsContext) =>
  z.strictObject({
    node: nodeSettings,
    ...listenerKeys,
    tls: tlsSettings(context).optional(),
    ...proxyKeys,
    check: checkPeerSettings,
    admin: adminSettings(context),
    probes: probesSettings,
    policy: policySettings.meta({ remedy: 'set policy.path to the policy: a file, or a folder of *.yaml files' }),
    keys: keysSettings(context),
    redis: redisSettings(context)
      .optional()
      .describe(
        'Redis that the nodes of one cluster share. Default none: the node runs alone, without revocation and without ' +
          'shared limits.',
      ),
    request: requestSettings,
    upstream_dns: upstreamDnsSettings,
    tokens: tokenCacheSettings,
    sessions: sessionCacheSettings,
    limits: limitsSettings,
    overload: overloadSettings,
    worker: workerSettings,
    audit: auditSettings,
    revocation: revocationSettings,
    dpop: dpopSettings,
    streams: streamsSettings,
    pages: pagesSettings,
    ...stopKeys,
    ...addonKeys,
    log: logSettings,
    telemetry: telemetrySettings(context),
  })

/** Validated values of gatehouse.yaml, with the keys as named in the document, such as `public_url`. */
export type SettingsKeys = z.output<ReturnType<typeof settingsKeys>>
