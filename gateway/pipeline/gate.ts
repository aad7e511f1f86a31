import type { AuditTrail } from '../audit/audit-trail.ts'
import { type Denial, denial } from '../base/denial.ts'
import type { Secret } from '../base/secret.ts'
import type { Settings } from '../config/settings.ts'
import type { AssertionSigner } from '../credentials/assertion.ts'
import type { AddressLimit } from '../limits/address-limit.ts'
import type { KnownAddresses } from '../limits/known-addresses.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { LoginService } from '../login/login-service.ts'
import type { Overload } from '../overload/overload.ts'
import type { Pages } from '../pages/pages.ts'
import type { CredentialSources } from '../policy/services/credentials/service-credential.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { DpopProofs } from '../proofs/dpop-proofs.ts'
import { openOwnProofs } from '../proofs/open-proofs.ts'
import type { Revocations } from '../revocation/revocations.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { StreamRegistry } from '../streams/stream-registry.ts'
import { LineWriter } from '../telemetry/line-writer.ts'
import type { Tracer } from '../telemetry/tracer.ts'
import { Traffic } from '../telemetry/traffic.ts'
import type { ClientCertificates } from '../tokens/client-certificates.ts'
import type { ClientTokens } from '../tokens/client-tokens.ts'
import type { TokenVerifier } from '../tokens/verifier.ts'
import type { Balancer } from '../upstream/balancer.ts'
import { Proxies } from './client-address/proxies.ts'
import { KeptBodies } from './exchange/kept-body.ts'
import { PublicUrls } from './exchange/public-urls.ts'
import type { Lifecycle } from './exchange/steps.ts'

/**
 * The active policy of a node: its snapshot and the live objects built from the snapshot. An exchange uses the same
 * runtime until its end.
 */
export interface Runtime {
  readonly snapshot: Snapshot
  /** Load balancers of the services, indexed by `ServicePolicy.index`. */
  readonly balancers: readonly Balancer[]
}

/**
 * Services and settings available to the phases. {@link makeGate} creates the gate of a node, of a dry run and of
 * offline use. A new member is added in this file only: in this interface, and in {@link inertMembers} if the gate can
 * work without it.
 */
export interface Gate {
  readonly node: string
  readonly limits: RequestLimits
  /** Scheme of the listener. Proxies in front may state another scheme for the client. */
  readonly scheme: 'http' | 'https'
  readonly publicUrls: PublicUrls
  /** The trusted proxies; `undefined` when `proxies` and `check.peers` are empty, so that no peer is trusted. */
  readonly proxies: Proxies | undefined
  /** Checks client certificates; `undefined` when the gate accepts them neither at its listener nor from proxies. */
  readonly clientCertificates: ClientCertificates | undefined
  readonly addressLimit: Pick<AddressLimit, 'exhausted' | 'charge' | 'refund'>
  /** Denial 429 of a client address with too many failed verifications; has a `Retry-After`. */
  readonly addressLimited: Denial<'address-limited'>
  /** Client addresses that are known: their new tokens and logins have priority in the queue of calls to an issuer. */
  readonly knownAddresses: Pick<KnownAddresses, 'add' | 'has'>
  /** Sheds requests while the node is overloaded. */
  readonly overload: Pick<Overload, 'isWary' | 'refuse' | 'delayRefusal' | 'enter' | 'leave'>
  readonly limiter: Limiter
  /** Manager of the login sessions; `undefined` without Redis or an encryption key: no user can then log in. */
  readonly sessions:
    | Pick<Sessions, 'find' | 'fresh' | 'refreshExpired' | 'withClaims' | 'ended' | 'idOf' | 'use' | 'lastUseMs'>
    | undefined
  readonly loginService: LoginService | undefined
  /** Pages for people; `undefined` in a dry run, whose refusals are problem documents. */
  readonly pages: Pages | undefined
  readonly verifier: Pick<TokenVerifier, 'verify' | 'knows' | 'holdsValid' | 'isIntrospected'>
  /** Access tokens that issuers granted to callers with a client id and secret. */
  readonly clientTokens: Pick<ClientTokens, 'clientOf' | 'find' | 'knows' | 'rejected' | 'request'>
  /** Validates DPoP proofs, and admits each proof once. */
  readonly proofs: Pick<DpopProofs, 'validate' | 'use' | 'nonces'>
  /** False when forward-auth checks do not use up the DPoP proofs of their requests (`check.dpop: verify`). */
  readonly checksConsumeProofs: boolean
  /** Revocations that this node knows; `undefined` without Redis: no credential can then be revoked. */
  readonly revocations: Pick<Revocations, 'revoked' | 'stale'> | undefined
  /** Registry of streams; `undefined` in a gate that forwards nothing. */
  readonly streams: Pick<StreamRegistry, 'open' | 'findIn' | 'counts' | 'messages' | 'verifications'> | undefined
  /** Signer of identity assertions; `undefined` when no signing key for them is configured. */
  readonly signer: AssertionSigner | undefined
  /** Request bodies that are kept to send requests again. */
  readonly keptBodies: KeptBodies
  readonly serviceSecrets: CredentialSources['serviceSecrets']
  readonly exchanges: CredentialSources['exchanges']
  readonly grants: CredentialSources['grants']
  readonly lifecycle: Lifecycle
  /** Lifecycle of forward-auth checks, which a proxy in front of the services requests. */
  readonly checkLifecycle: Lifecycle
  readonly accessLog: AccessLog
  readonly traffic: Traffic
  /** Tracer of the node; `undefined` when tracing is off. */
  readonly tracer: Tracer | undefined
  /** The audit log; `undefined` without Redis: no audit records are then written. */
  readonly audit: Pick<AuditTrail, 'reserve' | 'add' | 'aggregate'> | undefined
  /** Whether audit records contain the facts that requirements examine (`audit.decision_facts`). */
  readonly recordsFacts: boolean
  /** The active policy. Replaced as a whole when the policy changes. */
  runtime: Runtime
  /**
   * Active policy of the cluster while this node tries another policy (`runtime`) as a canary; `undefined` otherwise. A
   * stream stays under the policy that admitted it, because a canary must not end streams.
   */
  baseRuntime: Runtime | undefined
  /** True while the node drains (stops); each response then closes its connection. */
  draining: boolean
}

/** Limits of a request. Sizes are in bytes; `fieldsMax` is a number of header fields. */
export interface RequestLimits {
  readonly targetMaxBytes: number
  readonly headMaxBytes: number
  readonly fieldsMax: number
  /** Maximum size of a WebSocket message (`streams.max_message`), bytes. */
  readonly messageMaxBytes: number
}

export interface AccessLog {
  /** Format of a line. `audit`: a JSON object with the fields of the audit record. */
  readonly format: 'json' | 'pretty' | 'audit' | 'off'
  readonly lines: LineWriter
}

const STDOUT = 1

/**
 * Stand-in for every secret for services, in a gate that forwards nothing. Such a gate reads none of these secrets from
 * its source.
 */
const hiddenSecret: Secret = {
  current: '',
  previous: undefined,
  presented: '',
  refused: () => false,
  refresh: () => {},
  changed: () => {},
  close: () => {},
}

/**
 * Defaults of the members of a gate that count, record, store state or need the cluster. A gate with these defaults
 * makes decisions and has no other effect.
 */
export const inertMembers = {
  clientCertificates: undefined,
  knownAddresses: { add: () => {}, has: () => false },
  overload: { isWary: false, refuse: () => undefined, delayRefusal: () => false, enter: () => {}, leave: () => {} },
  sessions: undefined,
  loginService: undefined,
  pages: undefined,
  revocations: undefined,
  streams: undefined,
  serviceSecrets: { of: () => hiddenSecret },
  exchanges: { obtain: () => 'Bearer', newer: async () => undefined },
  grants: { bearer: () => '', newer: async () => undefined },
  accessLog: { format: 'off', lines: new LineWriter(STDOUT) },
  traffic: new Traffic(),
  tracer: undefined,
  audit: undefined,
  recordsFacts: false,
  baseRuntime: undefined,
  draining: false,
} as const satisfies Partial<Gate>

/** Node settings from which `makeGate` derives members of a gate. */
export type GateSettings = Pick<
  Settings,
  | 'node'
  | 'request'
  | 'listenTls'
  | 'publicUrls'
  | 'proxies'
  | 'checkPeers'
  | 'clientAddress'
  | 'proxyProtocol'
  | 'streams'
  | 'dpop'
  | 'checkDpop'
>

/** Members of a gate that are not derived from settings. Members without a default are required. */
type GateMembers = Pick<
  Gate,
  'limiter' | 'verifier' | 'clientTokens' | 'signer' | 'lifecycle' | 'checkLifecycle' | 'runtime'
> & {
  readonly addressLimit: Gate['addressLimit'] & Pick<AddressLimit, 'retryAfterS'>
} & Partial<Pick<Gate, keyof typeof inertMembers | 'proofs'>>

/** Creates a gate. Members that are not passed get defaults without effects. */
export function makeGate(settings: GateSettings, members: GateMembers): Gate {
  const { targetMaxBytes, headMaxBytes, fieldsMax } = settings.request
  const trustsNobody = settings.proxies.length + settings.checkPeers.length === 0
  return {
    node: settings.node.id,
    limits: { targetMaxBytes, headMaxBytes, fieldsMax, messageMaxBytes: settings.streams.maxMessageBytes },
    scheme: settings.listenTls ? 'https' : 'http',
    publicUrls: new PublicUrls(settings.publicUrls),
    keptBodies: new KeptBodies(),
    proofs: openOwnProofs(settings),
    checksConsumeProofs: settings.checkDpop === 'consume',
    proxies: trustsNobody ? undefined : new Proxies(settings),
    addressLimited: addressLimited(members.addressLimit.retryAfterS),
    ...inertMembers,
    ...members,
  }
}

function addressLimited(retryAfterS: number): Denial<'address-limited'> {
  return denial('address-limited', {
    detail: `too many failed logins or invalid credentials from this address; try again in ${retryAfterS} s`,
    fields: [['retry-after', String(retryAfterS)]],
  })
}

/**
 * Copies a gate for a dry run. The copy makes the same decisions as the gate, but counts, records and charges nothing.
 *
 * @param given  members that the dry run replaces
 */
export function dryRunGate(
  gate: Gate,
  given: Pick<Gate, 'scheme' | 'lifecycle' | 'checkLifecycle'> & Partial<Pick<Gate, 'sessions'>>,
): Gate {
  const { addressLimit, revocations, clientCertificates, runtime } = gate
  return {
    ...gate,
    ...inertMembers,
    node: 'explain',
    // Trust no proxy: the caller of a dry run specifies the client's address, so forwarding fields are not evaluated.
    proxies: undefined,
    addressLimit: { exhausted: (address) => addressLimit.exhausted(address), charge: () => {}, refund: () => {} },
    revocations,
    clientCertificates,
    // Leave the balancers out of a dry run. If a phase selects an upstream by mistake, the result is a fault instead of
    // a connection.
    runtime: { snapshot: runtime.snapshot, balancers: [] },
    ...given,
  }
}
