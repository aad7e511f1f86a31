import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import type { Denial } from '../base/denial.ts'
import { withResourceMetadata } from '../oauth/challenge.ts'
import { readPemChain } from '../pipeline/client-certificate/presented-certificate.ts'
import type { Answer } from '../pipeline/exchange/answer.ts'
import type { Downstream } from '../pipeline/exchange/downstream.ts'
import { drive } from '../pipeline/exchange/driver.ts'
import { Exchange, type Matched } from '../pipeline/exchange/exchange.ts'
import type { Refusal } from '../pipeline/exchange/refusal.ts'
import type { Lifecycle, Step } from '../pipeline/exchange/steps.ts'
import { dryRunGate, type Gate } from '../pipeline/gate.ts'
import { authorize } from '../pipeline/phases/authorize.ts'
import { consumeProof } from '../pipeline/phases/consume-proof.ts'
import { limitSubject } from '../pipeline/phases/limit-subject.ts'
import { provePossession } from '../pipeline/phases/prove-possession.ts'
import { refuseGrpc, selectUpstream } from '../pipeline/phases/select-upstream.ts'
import type { KnownCertificate } from '../tokens/known-certificate.ts'
import type { UpgradeCall, UpgradeRequest, UpstreamCall, UpstreamRequest } from '../upstream/target.ts'
import { type DryRunRequest, InvalidRequest } from './dry-run-request.ts'

const SHADOW_PATIENCE_MS = 2000

/**
 * The reply that the gate itself would send to the client. All members are `undefined` when the gate would forward the
 * request.
 */
interface OwnReply {
  readonly refusal: Denial | undefined
  /** Complete value of the header field `WWW-Authenticate`; several fields are joined by commas. */
  readonly challenge: string | undefined
  readonly answer: Answer | undefined
}

/** Result of a dry run: the gate's own reply, or the request that the gate would forward to the service. */
export interface DryRunOutcome extends OwnReply {
  readonly exchange: Exchange
  readonly forwarded: UpstreamRequest | undefined
  /** Names of the phases that ran, in order. The last phase decided the exchange. */
  readonly phases: readonly string[]
}

/**
 * Parts of a dry run for a credential that is given by its claims, or a session that is given by its id, without a
 * proof.
 */
export interface StatedParts extends Pick<Gate, 'sessions'> {
  /** Functions that run in a dry run instead of the `run` functions of these phases. */
  readonly replaced?: ReadonlyMap<Step, Step['run']>
  /**
   * Returns the value of a request field for requirements, as `RequirementInput.field` does. Default: the field of the
   * request.
   */
  readonly field?: (name: string) => string | null | undefined
}

/**
 * Runs a hypothetical request through the phases of a real node, up to the point of forwarding. The result therefore
 * cannot differ from the real behaviour. Nothing is charged, counted, recorded or sent to a service.
 *
 * The issuer is called for an introspection whenever a real request would cause one. Without `stated`, the dry run has
 * no login sessions, so that no user must enter the secret cookie of a browser.
 *
 * @param stated  set when the caller gives the claims of a credential, or a session by its id, instead of a token or
 *   cookie. A bound token is then accepted without a proof of possession
 * @throws {InvalidRequest} when the client certificate is invalid, or the gate accepts none
 */
export async function dryRun(given: Gate, request: DryRunRequest, stated?: StatedParts): Promise<DryRunOutcome> {
  const replaced = stated === undefined ? instead : new Map([...insteadOfProofs, ...(stated.replaced ?? [])])
  const gate = dryRunGate(given, {
    scheme: request.publicUrl.startsWith('https:') ? 'https' : 'http',
    lifecycle: dryRunLifecycle(given.lifecycle, replaced),
    checkLifecycle: dryRunLifecycle(given.checkLifecycle, replaced),
    sessions: stated?.sessions,
  })
  const downstream = new RecordingDownstream(request.address)
  const exchange = new DryRunExchange(gate, request, downstream, stated?.field)
  exchange.clientCertificate = presentedCertificate(gate, request)
  drive(exchange)
  await downstream.ended
  await shadowEvaluated(exchange)
  return { exchange, phases: exchange.phases, forwarded: downstream.forwarded, ...downstream.reply }
}

/**
 * Returns the client certificate of the request, after the gate has verified its chain as for a certificate from a
 * trusted proxy.
 */
function presentedCertificate(gate: Gate, { certificate }: DryRunRequest): KnownCertificate | undefined {
  if (certificate === undefined) return undefined
  if (gate.clientCertificates === undefined) {
    throw new InvalidRequest('certificate', 'this gate accepts no client certificates: set tls.client')
  }
  const known = gate.clientCertificates.ofField(certificate, readPemChain)
  if (known !== undefined) return known
  throw new InvalidRequest('certificate', 'the client certificate must be in PEM, followed by its intermediate CAs')
}

/**
 * Waits until the shadow requirement was evaluated, for at most 2 s. On a public route the decision does not wait for
 * the signature of the token, so the shadow requirement can be evaluated after the decision.
 */
async function shadowEvaluated(x: DryRunExchange): Promise<void> {
  if (x.route?.shadow === undefined || !x.phases.includes(authorize.name)) return
  const deadlineAt = performance.now() + SHADOW_PATIENCE_MS
  while (x.shadow === undefined && performance.now() < deadlineAt) await setImmediate()
}

class DryRunExchange extends Exchange {
  override nowMs: number
  readonly phases: string[] = []

  readonly #field: StatedParts['field']

  constructor(gate: Gate, { head, nowMs }: DryRunRequest, downstream: Downstream, field: StatedParts['field']) {
    super(gate, head, downstream)
    this.nowMs = nowMs
    this.#field = field
  }

  override field(name: string): string | null | undefined {
    return this.#field === undefined ? super.field(name) : this.#field(name)
  }

  /** Does nothing: the exchange of a dry run keeps the time of the hypothetical request. */
  override readClock(): void {}
}

const noReply: OwnReply = { refusal: undefined, challenge: undefined, answer: undefined }

/** Client connection of a dry run: records the reply instead of sending it. */
class RecordingDownstream implements Downstream {
  readonly remoteAddress: Uint8Array
  readonly proxiedAddress = undefined
  readonly bodyTouched = false
  readonly bytesIn = 0
  readonly bytesOut = 0
  readonly replying = false
  readonly uploading = false
  readonly lingers = false
  readonly backedUp = false
  reply = noReply
  forwarded: UpstreamRequest | undefined
  readonly #ending = Promise.withResolvers<void>()

  constructor(remoteAddress: Uint8Array) {
    this.remoteAddress = remoteAddress
  }

  /** Resolves when the exchange of the dry run has been decided and the reply or the forwarded request was recorded. */
  get ended(): Promise<void> {
    return this.#ending.promise
  }

  refuse({ denial: refusal, metadataUrl }: Refusal): void {
    const challenges = refusal.challenges.map((challenge) => withResourceMetadata(challenge, metadataUrl))
    this.reply = { ...noReply, refusal, challenge: challenges.length === 0 ? undefined : challenges.join(', ') }
  }

  answer(answer: Answer): void {
    this.reply = { ...noReply, answer }
  }

  release(): void {
    this.#ending.resolve()
  }

  openBody(): undefined {}
  begin(): void {}
  write(): boolean {
    return true
  }
  end(): boolean {
    return true
  }
  endCall(): boolean {
    return false
  }
  continue(): boolean {
    return true
  }
  accept(): never {
    throw new Error('a dry run opens no WebSocket')
  }
  abort(): void {}
}

const ignore = (): void => {}

/** Call to a service that does nothing. A dry run returns it for the request that it recorded instead of sending. */
const sentCall: UpgradeCall = {
  resume: ignore,
  allowSilence: ignore,
  discard: ignore,
  abort: ignore,
  send: () => true,
  ping: ignore,
  pause: ignore,
  close: ignore,
  reads: 0,
  unsentBytes: 0,
}

/**
 * Replaces, in a dry run, the phase that selects an upstream. The selected target records the request instead of
 * sending it.
 */
function selectNone(x: Matched): Denial | undefined {
  const refusal = refuseGrpc(x)
  if (refusal !== undefined) return refusal
  const record = (request: UpstreamRequest): void => {
    const downstream = x.downstream as RecordingDownstream
    downstream.forwarded = request
    downstream.release()
  }
  const send = (request: UpstreamRequest): UpstreamCall => {
    record(request)
    return sentCall
  }
  const upgrade = (request: UpgradeRequest): UpgradeCall => {
    record({ ...request, method: 'GET', body: undefined })
    return sentCall
  }
  // Record the first upstream, whichever a real request would use: only a real request asks the load balancer.
  x.target = { origin: x.route.service.upstreams[0]!.origin, send, upgrade }
}

/**
 * Functions that replace those phases in a dry run which would open connections, charge limits or use up a DPoP proof.
 */
const instead: ReadonlyMap<Step, Step['run']> = new Map<Step, Step['run']>([
  [selectUpstream, selectNone],
  [limitSubject, () => undefined],
  [consumeProof, () => undefined],
])

/**
 * Functions that replace phases in a dry run with `stated`. Possession of a key is not proven, because a token of which
 * only the claims are given has no key.
 */
const insteadOfProofs: ReadonlyMap<Step, Step['run']> = new Map([...instead, [provePossession, () => undefined]])

function noted(step: Step): Step {
  const { name, run } = step
  const notedRun = (x: DryRunExchange): ReturnType<Step['run']> => {
    x.phases.push(name)
    return run(x as never)
  }
  return { ...step, run: notedRun }
}

function dryRunLifecycle({ request }: Lifecycle, replaced: typeof instead): Lifecycle {
  return {
    request: request.map((step) => noted({ ...step, run: replaced.get(step) ?? step.run })),
    reply: [],
    settle: { name: 'settle', run: () => {} },
  }
}
