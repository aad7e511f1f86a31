import { isIP } from 'node:net'
import type { z } from 'zod'
import { covers } from './certificates.ts'
import { listensOnLoopback } from './listen-address.ts'
import { addProblem } from './settings-context.ts'
import type { SettingsKeys } from './settings-keys.ts'

/** Checks rules that involve more than one setting, and adds a problem for each violation. */
export function checkCombinations(data: SettingsKeys, ctx: z.RefinementCtx): void {
  for (const check of combinationChecks) check(data, ctx)
}

type CombinationCheck = (data: SettingsKeys, ctx: z.RefinementCtx) => void

const publicUrlOfOpenListener: CombinationCheck = ({ public_url, listen, listen_h2 }, ctx) => {
  if (public_url !== undefined) return
  const open = listensOnLoopback(listen) ? 'listen_h2' : 'listen'
  if (open === 'listen_h2' && (listen_h2 === undefined || listensOnLoopback(listen_h2))) return
  addProblem(ctx, {
    code: 'GH_CONFIG_MISSING',
    message: 'is required when the listener is not loopback',
    path: ['public_url'],
    locatedAt: [open],
    hint: 'set the origin at which clients reach the gate, such as https://api.example',
  })
}

const proxiesOfProxyProtocol: CombinationCheck = ({ proxy_protocol, proxies }, ctx) => {
  if (proxy_protocol === 'off' || proxies !== undefined) return
  addProblem(ctx, {
    code: 'GH_CONFIG_MISSING',
    message: 'is required with proxy_protocol: required',
    path: ['proxies'],
    locatedAt: ['proxy_protocol'],
    hint: 'list the proxies that send the PROXY header, with their addresses',
  })
}

const noTlsWithProxyProtocol: CombinationCheck = ({ proxy_protocol, tls }, ctx) => {
  if (proxy_protocol === 'off' || isPlainHttp(tls)) return
  const message = 'must be off with tls: a client could send a PROXY header inside the TLS connection'
  addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: ['proxy_protocol'] })
}

const noHttp2WithProxyProtocol: CombinationCheck = ({ proxy_protocol, listen_h2 }, ctx) => {
  if (proxy_protocol === 'off' || listen_h2 === undefined) return
  const message = 'must not be set with proxy_protocol: required: the HTTP/2 listener reads no PROXY header'
  const hint = 'remove listen_h2, or use a balancer in HTTP mode that sets X-Forwarded-For, with proxy_protocol: off'
  addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: ['listen_h2'], hint })
}

const usersOfCertificates: CombinationCheck = ({ tls, listen_h2 }, ctx) => {
  if (tls === undefined || tls.listen) return
  const fault = (message: string, hint: string): void =>
    addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: ['tls', 'listen'], hint })
  if (listen_h2?.tls !== true) {
    fault(
      'must be true, because no other listener uses the certificates',
      'set listen_h2 with tls: true, or remove tls',
    )
  }
  if (tls.client?.mode === 'required') {
    fault('must be true with tls.client.mode: required', 'clients of a listener without TLS present no certificate')
  }
}

const certificatesOfHttp2: CombinationCheck = ({ tls, listen_h2 }, ctx) => {
  if (listen_h2 === undefined) return
  if (!listen_h2.tls && tls?.client?.mode === 'required') {
    const message = 'must be true with tls.client.mode: required: clients without TLS present no certificate'
    addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: ['listen_h2', 'tls'] })
  }
  if (!listen_h2.tls || !lacksCertificates(tls, ctx)) return
  addProblem(ctx, {
    code: 'GH_CONFIG_MISSING',
    message: 'is required with listen_h2.tls: true',
    path: ['tls', 'certificates'],
    locatedAt: ['listen_h2', 'tls'],
    hint: 'add a certificate, or set listen_h2.tls: false behind a balancer that terminates TLS',
  })
}

const peersOfExtAuthz: CombinationCheck = ({ listen_h2, check }, ctx) => {
  if (listen_h2?.extAuthz !== true || check.peers.length > 0) return
  addProblem(ctx, {
    code: 'GH_CONFIG_MISSING',
    message: 'is required with listen_h2.ext_authz: true',
    path: ['check', 'peers'],
    locatedAt: ['listen_h2', 'ext_authz'],
    hint: 'list the addresses of the Envoy proxies that send checks',
  })
}

const clusterStaleness: CombinationCheck = ({ redis, revocation }, ctx) => {
  if (redis?.place.topology !== 'cluster' || revocation.maxStalenessMs > redis.place.nodeTimeoutMs) return
  const message = 'must exceed redis.cluster_node_timeout: a master that was cut off still replies for that time'
  addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: ['revocation', 'max_staleness'] })
}

const proxiesOfCertificateField: CombinationCheck = ({ client_certificate, proxies, check }, ctx) => {
  if (client_certificate === undefined || proxies !== undefined || check.peers.length > 0) return
  addProblem(ctx, {
    code: 'GH_CONFIG_MISSING',
    message: 'is required with client_certificate',
    path: ['proxies'],
    locatedAt: ['client_certificate'],
    hint: 'list the proxies that send the certificates of clients in this field, with their addresses',
  })
}

const certificatesOfTls: CombinationCheck = ({ client_certificate, tls }, ctx) => {
  if (tls === undefined || !lacksCertificates(tls, ctx)) return
  if (tls.client !== undefined && client_certificate !== undefined && tls.client.mode === 'optional') return
  const hint =
    tls.client?.mode === 'required'
      ? 'mode: required applies to the TLS listener; behind a proxy, use `require: { certificate }` in the policy'
      : 'add a certificate; behind a proxy that ends TLS, set tls.client and client_certificate'
  const message = 'is required for a TLS listener'
  addProblem(ctx, { code: 'GH_CONFIG_MISSING', message, path: ['tls', 'certificates'], locatedAt: ['tls'], hint })
}

const redisOfClusterPolicy: CombinationCheck = ({ policy, redis, keys }, ctx) => {
  if (policy.source !== 'cluster') return
  const need = (path: string[], hint: string): void =>
    addProblem(ctx, {
      code: 'GH_CONFIG_MISSING',
      message: 'is required with policy.source: cluster',
      path,
      locatedAt: ['policy', 'source'],
      hint,
    })
  if (redis === undefined) need(['redis'], 'set redis.url')
  // Report no missing key of a list when a key is listed but cannot be read: the reader of the list reports that
  // problem.
  if (keys.policy.length > 0 || ctx.issues.some(({ path = [] }) => path[0] === 'keys' && path[1] === 'policy')) return
  need(['keys', 'policy'], 'generate a key with `gatehouse keys generate policy`, the same for all nodes and workers')
}

const formatOfAuditLines: CombinationCheck = ({ log }, ctx) => {
  if (log.access !== 'audit' || log.format === 'json') return
  const message = `must not be audit with log.format: ${log.format}: an audit record is a JSON object`
  addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: ['log', 'access'], hint: 'set log.format: json' })
}

const combinationChecks = [
  publicUrlOfOpenListener,
  proxiesOfProxyProtocol,
  noTlsWithProxyProtocol,
  noHttp2WithProxyProtocol,
  usersOfCertificates,
  certificatesOfHttp2,
  peersOfExtAuthz,
  clusterStaleness,
  proxiesOfCertificateField,
  certificatesOfTls,
  redisOfClusterPolicy,
  formatOfAuditLines,
]

/**
 * Whether the settings list no certificate. False when a problem in `tls` was already reported, for example a file that
 * cannot be read.
 */
function lacksCertificates(tls: SettingsKeys['tls'], { issues }: z.RefinementCtx): boolean {
  return !hasCertificates(tls) && !issues.some(({ path }) => path?.[0] === 'tls')
}

/**
 * Whether the listener `listen` speaks plain HTTP: there are no certificates, or `tls.listen` does not enable them for
 * it.
 */
export function isPlainHttp(tls: SettingsKeys['tls']): boolean {
  return tls?.listen !== true || !hasCertificates(tls)
}

function hasCertificates(tls: SettingsKeys['tls']): boolean {
  return tls !== undefined && tls.certificates.length > 0
}

/**
 * Returns a warning for each host name in the public URLs that no certificate covers. IP addresses are skipped, because
 * clients do not send an address as server name (RFC 6066 §3).
 */
export function hostsWithoutCertificate({ public_url, tls }: SettingsKeys): string[] {
  if (tls === undefined || !hasCertificates(tls)) return []
  return (public_url ?? [])
    .map((url) => new URL(url).hostname)
    .filter((host) => isIP(host.replace(/^\[|\]$/g, '')) === 0 && !covers(tls.certificates, host))
    .map(
      (host) =>
        `no certificate in tls.certificates covers host ${host} of public_url: its requests are rejected with 421`,
    )
}
