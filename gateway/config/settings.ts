import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { AddressBlock } from '../base/address-blocks.ts'
import type { RedisSettings } from '../base/redis-topology.ts'
import type { TelemetrySettings } from '../base/telemetry-settings.ts'
import { flawInBootstrapToken } from './admin.ts'
import { type AssertionKeySetting, readPrivateJwk } from './assertion-keys.ts'
import { readAuditKey } from './audit-keys.ts'
import { type Certificate, covers, readCertificate } from './certificates.ts'
import { type EncryptionKey, readEncryptionKey } from './encryption-keys.ts'
import { unknownVariables } from './environment.ts'
import type { KeyedIssuerEntry } from './keyed-issuer-entry.ts'
import { type ListenAddress, listensOnLoopback } from './listener.ts'
import { variablesInPolicy } from './policy-files.ts'
import { ConfigError, type Problem, problem } from './problem.ts'
import type { TrustedProxy } from './proxies.ts'
import { loopbackUrl } from './public-url.ts'
import { readRedis } from './read-redis.ts'
import { readSinks, type SinkSettings } from './read-sinks.ts'
import { readTelemetry } from './read-telemetry.ts'
import { readSecret, referredVariables } from './secret.ts'
import { readLayers, type SettingsLayers, type SettingsSources } from './settings-layers.ts'
import { type SettingsDocument, settingsSchema } from './settings-schema.ts'
import { shapeProblems } from './shape-problems.ts'

/** Settings of one node. Durations in ms, sizes in bytes, paths absolute. */
export interface Settings {
  readonly node: { readonly id: string }
  readonly listen: ListenAddress
  readonly reusePort: boolean
  /** Origins at which clients reach the gate, the main one first; at least one. */
  readonly publicUrls: readonly string[]
  /** Empty: the listener speaks plain HTTP. Clients that send no server name get the first certificate. */
  readonly certificates: readonly Certificate[]
  /** Trusted proxies. Empty: no peer is trusted to state client addresses. */
  readonly proxies: readonly TrustedProxy[]
  readonly clientAddress: 'x-forwarded-for' | 'forwarded'
  readonly proxyProtocol: 'off' | 'required'
  /** Peers that may send forward-auth checks. Empty: none. */
  readonly checkPeers: readonly AddressBlock[]
  readonly addressLimit: {
    readonly perSecond: number
    readonly burst: number
    readonly introspectionsPerSecond: number
  }
  readonly admin: AdminSettings
  readonly probes: { readonly listen: ListenAddress | undefined }
  readonly policy: { readonly source: 'file'; readonly path: string }
  readonly keys: {
    readonly assertion: readonly AssertionKeySetting[]
    readonly encryption: readonly EncryptionKey[]
    /** Keys of 32 bytes each. */
    readonly audit: readonly { readonly id: string; readonly secret: Buffer }[]
  }
  /** `undefined`: the node runs without Redis. */
  readonly redis: RedisSettings | undefined
  readonly revocation: RevocationSettings
  readonly request: RequestSettings
  readonly tokens: { readonly cacheEntries: number }
  readonly audit: AuditSettings
  readonly sessions: { readonly cacheEntries: number }
  readonly worker: { readonly concurrency: number }
  /** Sinks to which workers ship the audit log. */
  readonly sinks: readonly SinkSettings[]
  readonly drainDelayMs: number
  readonly drainTimeoutMs: number
  readonly addonSha256: string | undefined
  readonly addonScriptSha256: string | undefined
  readonly log: Readonly<SettingsDocument['log']>
  readonly telemetry: TelemetrySettings
  /** Warnings to log at start. */
  readonly warnings: readonly string[]
}

export interface RevocationSettings {
  readonly maxStalenessMs: number
  readonly maxEntries: number
  readonly epochFile: string | undefined
}

export interface AuditSettings {
  readonly redisMaxBytes: number
  /** Minimum age at which shipped records may be removed from Redis, ms. */
  readonly recentMs: number
  readonly memoryBytes: number
  /** `undefined`: no spill is configured. */
  readonly spill: { readonly path: string; readonly maxBytes: number } | undefined
}

export interface AdminSettings {
  readonly listen: ListenAddress
  readonly hosts: readonly string[]
  /** `undefined`: the admin API accepts no access tokens. */
  readonly issuer: KeyedIssuerEntry | undefined
  /** The token itself; `undefined` when no bootstrap token is configured. */
  readonly bootstrapToken: string | undefined
}

export interface RequestSettings {
  readonly targetMaxBytes: number
  readonly headMaxBytes: number
  readonly fieldsMax: number
  readonly tokenMaxBytes: number
  /** Maximum time without a byte from a client, ms. */
  readonly idleMs: number
  /** Maximum time for which a chunked upload may stall, ms. At most `idleMs`. */
  readonly chunkedIdleMs: number
}

/**
 * Reads the node's settings. Flags override the environment, which overrides the file. Paths in the file are relative
 * to its folder, other paths to the working directory.
 *
 * @throws {ConfigError} with all errors of all sources
 */
export function loadSettings(sources: SettingsSources): Settings {
  const layers = readLayers(sources)
  const { document, locate } = layers
  const { data, error } = settingsSchema.safeParse(document)
  const problems = variableProblems(sources.env, layers)
  if (data === undefined)
    throw new ConfigError([...shapeProblems(settingsSchema, document, error.issues, locate), ...problems])

  const warnings: string[] = []
  const certificates = readCertificates(data, layers, problems, warnings)
  const reading = { env: sources.env, layers, problems, warnings }
  const assertion = readKeys('assertion', data, reading, readPrivateJwk).map(({ id, key }) => ({ id, jwk: key }))
  const encryption = readKeys('encryption', data, reading, readEncryptionKey).map(asSecret)
  const audit = readKeys('audit', data, reading, readAuditKey).map(asSecret)
  const redis = readRedis(data.redis, reading)
  const telemetry = readTelemetry(data.telemetry, reading)
  const sinks = readSinks(data.audit.sinks, layers, problems)
  const bootstrapToken = readBootstrapToken(data, sources, layers, problems, warnings)
  if (data.public_url === undefined && !listensOnLoopback(data.listen)) {
    const hint = 'the origin under which clients reach the gate, such as https://api.example'
    const message = 'is required when the listener is not loopback'
    problems.push(problem('GH_CONFIG_MISSING', message, ['public_url'], locate(['listen']), hint))
  }
  if (data.proxy_protocol === 'required' && data.proxies === undefined) {
    const hint = 'list the proxies that send it'
    problems.push(
      problem('GH_CONFIG_MISSING', 'is required with proxy_protocol', ['proxies'], locate(['proxy_protocol']), hint),
    )
  }
  if (data.proxy_protocol === 'required' && data.tls !== undefined) {
    const message = 'cannot be used with tls: any client could send the header inside of it'
    problems.push(problem('GH_CONFIG_VALUE', message, ['proxy_protocol'], locate(['proxy_protocol'])))
  }
  if (redis?.place.topology === 'cluster' && data.revocation.max_staleness <= redis.place.nodeTimeoutMs) {
    const message = 'must exceed redis.cluster_node_timeout: for so long a master that was cut off goes on answering'
    const path = ['revocation', 'max_staleness']
    problems.push(problem('GH_CONFIG_VALUE', message, path, locate(path)))
  }
  if (problems.length > 0) throw new ConfigError(problems)
  const { node, request, tokens, revocation } = data
  return {
    node: { id: node.id ?? defaultNodeId() },
    listen: data.listen,
    reusePort: data.reuse_port,
    publicUrls: data.public_url ?? [loopbackUrl(data.listen, data.tls === undefined ? 'http' : 'https')],
    certificates,
    proxies: data.proxies ?? [],
    clientAddress: data.client_address,
    proxyProtocol: data.proxy_protocol,
    checkPeers: data.check.peers,
    addressLimit: {
      perSecond: data.limits.address.per_second,
      burst: data.limits.address.burst,
      introspectionsPerSecond: data.limits.address.introspections_per_second,
    },
    admin: { listen: data.admin.listen, hosts: data.admin.hosts, issuer: data.admin.issuer, bootstrapToken },
    probes: { listen: data.probes.listen },
    policy: { source: 'file', path: resolve(layers.folderOf(['policy', 'path']), data.policy.path) },
    keys: { assertion, encryption, audit },
    redis,
    revocation: {
      maxStalenessMs: revocation.max_staleness,
      maxEntries: revocation.max_entries,
      epochFile: revocation.epoch_file && resolve(layers.folderOf(['revocation', 'epoch_file']), revocation.epoch_file),
    },
    request: {
      targetMaxBytes: request.target_max,
      headMaxBytes: request.head_max,
      fieldsMax: request.fields_max,
      tokenMaxBytes: request.token_max,
      idleMs: request.idle,
      chunkedIdleMs: Math.min(request.chunked_idle, request.idle),
    },
    tokens: { cacheEntries: tokens.cache },
    audit: {
      redisMaxBytes: data.audit.redis_max,
      recentMs: data.audit.recent,
      memoryBytes: data.audit.memory,
      spill: data.audit.spill && {
        path: resolve(layers.folderOf(['audit', 'spill', 'path']), data.audit.spill.path),
        maxBytes: data.audit.spill.max,
      },
    },
    sessions: { cacheEntries: data.sessions.cache },
    worker: data.worker,
    sinks,
    drainDelayMs: data.drain_delay,
    drainTimeoutMs: data.drain_timeout,
    addonSha256: data.addon_sha256,
    addonScriptSha256: data.addon_script_sha256,
    log: data.log,
    telemetry,
    warnings,
  }
}

const asSecret = ({ id, key }: { readonly id: string; readonly key: Buffer }) => ({ id, secret: key })

/**
 * Reports environment variables that no setting uses. The policy may refer to such variables, so it is read when there
 * is one to explain. Errors in the policy are reported when it is loaded.
 */
function variableProblems(env: SettingsSources['env'], { document, folderOf }: SettingsLayers): Problem[] {
  const named = referredVariables(document)
  const problems = unknownVariables(env, named)
  const path = (document as { readonly policy?: { readonly path?: unknown } }).policy?.path
  if (problems.length === 0 || typeof path !== 'string') return problems
  const inPolicy = variablesInPolicy(resolve(folderOf(['policy', 'path']), path))
  return unknownVariables(env, new Set([...named, ...inPolicy]))
}

const soonMs = 14 * 24 * 60 * 60 * 1000

function readCertificates(
  data: SettingsDocument,
  layers: SettingsLayers,
  problems: Problem[],
  warnings: string[],
): Certificate[] {
  const certificates: Certificate[] = []
  for (const [i, { cert, key }] of (data.tls?.certificates ?? []).entries()) {
    const path = ['tls', 'certificates', i]
    const at = (file: string) => resolve(layers.folderOf(path), file)
    try {
      const read = readCertificate({ certFile: at(cert), keyFile: at(key.file) })
      certificates.push(read)
      const now = Date.now()
      const left = read.validUntilMs - now
      if (read.validFromMs > now) warnings.push(`${read.certFile} is not valid yet`)
      if (left < soonMs) warnings.push(`${read.certFile} ${left < 0 ? 'has expired' : 'expires within 14 days'}`)
    } catch (error) {
      problems.push(problem('GH_CONFIG_SECRET', (error as Error).message, path, layers.locate(path)))
    }
  }
  if (certificates.length > 0) warnings.push(...uncovered(data.public_url ?? [], certificates))
  return certificates
}

/**
 * Returns hosts of the public URLs that no certificate covers. Addresses are skipped, because clients do not send an
 * address as server name (RFC 6066 §3).
 */
function uncovered(publicUrls: readonly string[], certificates: readonly Certificate[]): string[] {
  return publicUrls
    .map((url) => new URL(url).hostname)
    .filter((host) => isIP(host.replace(/^\[|\]$/g, '')) === 0 && !covers(certificates, host))
    .map((host) => `no certificate of tls covers ${host} of public_url: whoever asks for that name is refused with 421`)
}

interface KeyReading {
  readonly env: SettingsSources['env']
  readonly layers: SettingsLayers
  readonly problems: Problem[]
  readonly warnings: string[]
}

/** @param read returns the key, or a text that describes the error */
function readKeys<Key extends object>(
  kind: keyof SettingsDocument['keys'],
  data: SettingsDocument,
  { env, layers, problems, warnings }: KeyReading,
  read: (secret: string) => Key | string,
): { readonly id: string; readonly key: Key }[] {
  const keys: { readonly id: string; readonly key: Key }[] = []
  for (const [i, { id, secret: ref }] of data.keys[kind].entries()) {
    const path = ['keys', kind, i]
    const complain = (code: Problem['code'], message: string, key: string) =>
      problems.push(problem(code, message, [...path, key], layers.locate([...path, key])))
    if (keys.some((key) => key.id === id)) complain('GH_CONFIG_VALUE', `${id} is the id of a key before it`, 'id')
    const { secret, failure, warning } = readSecret(ref, env, layers.folderOf(path))
    if (warning !== undefined) warnings.push(warning)
    const key = secret === undefined ? failure! : read(secret)
    if (typeof key === 'string') complain('GH_CONFIG_SECRET', key, 'secret')
    else keys.push({ id, key })
  }
  return keys
}

function readBootstrapToken(
  data: SettingsDocument,
  { env }: SettingsSources,
  layers: SettingsLayers,
  problems: Problem[],
  warnings: string[],
): string | undefined {
  const ref = data.admin.bootstrap_token
  if (ref === undefined) return undefined
  const path = ['admin', 'bootstrap_token']
  const { secret, failure, warning } = readSecret(ref, env, layers.folderOf(path))
  if (warning !== undefined) warnings.push(warning)
  const flaw = secret === undefined ? failure! : flawInBootstrapToken(secret)
  if (flaw !== undefined) problems.push(problem('GH_CONFIG_SECRET', flaw, path, layers.locate(path)))
  return secret
}

function defaultNodeId(): string {
  return `${hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 48)}-${process.pid}`
}
