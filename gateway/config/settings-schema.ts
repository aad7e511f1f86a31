import { loopbackUrl } from './public-url.ts'
import { checkCombinations, hostsWithoutCertificate, isPlainHttp } from './setting-combinations.ts'
import { emptyContext, hasAllValues, type SettingsContext } from './settings-context.ts'
import { settingsKeys } from './settings-keys.ts'

/**
 * Returns the schema that validates gatehouse.yaml and transforms it into the settings in code: durations in ms, sizes
 * in bytes, secrets and certificates read. The keys of its first level that have several words, such as `public_url`,
 * are renamed to camelCase here.
 */
export const settingsSchemaFor = (context: SettingsContext) =>
  settingsKeys(context)
    .superRefine((data, ctx) => {
      if (!hasAllValues(ctx)) return
      checkCombinations(data, ctx)
      context.warnings.push(...hostsWithoutCertificate(data))
    })
    .transform(
      ({
        listen_h2,
        reuse_port,
        public_url,
        tls,
        proxies,
        client_address,
        client_certificate,
        proxy_protocol,
        check,
        limits,
        upstream_dns,
        drain_delay,
        drain_timeout,
        addon_sha256,
        addon_script_sha256,
        ...rest
      }) => ({
        ...rest,
        /** Settings of the HTTP/2 listener; `undefined`: no HTTP/2 listener. */
        listenH2: listen_h2,
        reusePort: reuse_port,
        /**
         * Public URLs: the origins at which clients reach the gate. The main origin is the first; the list has at least
         * one.
         */
        publicUrls: public_url ?? [loopbackUrl(rest.listen, isPlainHttp(tls) ? 'http' : 'https')],
        /**
         * Certificates of the listeners. An empty list: no listener uses TLS. A client that sends no server name gets
         * the first certificate.
         */
        certificates: tls?.certificates ?? [],
        /** Whether the HTTP/1.1 listener (`listen`) uses TLS with the certificates. */
        listenTls: !isPlainHttp(tls),
        /**
         * CAs of client certificates; `undefined`: the listeners request no client certificate, and no certificate
         * identifies a caller.
         */
        clientTls: tls?.client,
        /**
         * Header field in which trusted proxies send the certificate of a client; `undefined`: the gate reads no such
         * field.
         */
        certificateField: client_certificate,
        /**
         * Trusted proxies. An empty list: the gate takes the client address from no peer, but uses the address of the
         * peer itself.
         */
        proxies: proxies ?? [],
        clientAddress: client_address,
        proxyProtocol: proxy_protocol,
        /** Addresses of proxies that may send forward-auth checks. An empty list: no checks are accepted. */
        checkPeers: check.peers,
        /** Whether a forward-auth check uses up the DPoP proof of the request. */
        checkDpop: check.dpop,
        addressLimit: limits.address,
        upstreamDns: upstream_dns,
        drainDelayMs: drain_delay,
        drainTimeoutMs: drain_timeout,
        addonSha256: addon_sha256,
        addonScriptSha256: addon_script_sha256,
      }),
    )

/**
 * Schema of gatehouse.yaml, for descriptions only. The configuration reference and the JSON Schema are generated from
 * it.
 */
export const settingsSchema = settingsSchemaFor(emptyContext())
