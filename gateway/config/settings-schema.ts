import { loopbackUrl } from './public-url.ts'
import { checkCombinations, hostsWithoutCertificate } from './setting-combinations.ts'
import { emptyContext, hasAllValues, type SettingsContext } from './settings-context.ts'
import { settingsKeys } from './settings-keys.ts'

/**
 * Returns the schema that validates gatehouse.yaml and transforms it into the settings in code: durations in ms, sizes
 * in bytes, secrets and certificates read. Keys with more than one word get their names in code here.
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
        reuse_port,
        public_url,
        tls,
        proxies,
        client_address,
        proxy_protocol,
        check,
        limits,
        drain_delay,
        drain_timeout,
        addon_sha256,
        addon_script_sha256,
        ...rest
      }) => ({
        ...rest,
        reusePort: reuse_port,
        /** Origins at which clients reach the gate, the main one first; at least one. */
        publicUrls: public_url ?? [loopbackUrl(rest.listen, tls === undefined ? 'http' : 'https')],
        /** Empty: the listener speaks plain HTTP. Clients that send no server name get the first certificate. */
        certificates: tls?.certificates ?? [],
        /** Trusted proxies. Empty: no peer is trusted to state client addresses. */
        proxies: proxies ?? [],
        clientAddress: client_address,
        proxyProtocol: proxy_protocol,
        /** Peers that may send forward-auth checks. Empty: none. */
        checkPeers: check.peers,
        addressLimit: limits.address,
        drainDelayMs: drain_delay,
        drainTimeoutMs: drain_timeout,
        addonSha256: addon_sha256,
        addonScriptSha256: addon_script_sha256,
      }),
    )

/** Schema of gatehouse.yaml. The reference and the JSON Schema are generated from it. */
export const settingsSchema = settingsSchemaFor(emptyContext())
