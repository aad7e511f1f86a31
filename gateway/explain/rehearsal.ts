import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import type { Denial } from '../base/denial.ts'
import { withResourceMetadata } from '../oauth/challenge.ts'
import type { Answer } from '../pipeline/answer.ts'
import type { Downstream } from '../pipeline/downstream.ts'
import { drive } from '../pipeline/driver.ts'
import { Exchange, type Matched } from '../pipeline/exchange.ts'
import type { Gate } from '../pipeline/gate.ts'
import { authorize } from '../pipeline/phases/authorize.ts'
import { limitSubject } from '../pipeline/phases/limit-subject.ts'
import { selectUpstream } from '../pipeline/phases/select-upstream.ts'
import type { Lifecycle, Step } from '../pipeline/steps.ts'
import { LineWriter } from '../telemetry/line-writer.ts'
import { Traffic } from '../telemetry/traffic.ts'
import type { UpstreamCall, UpstreamRequest } from '../upstream/target.ts'
import type { ThoughtRequest } from './thought-request.ts'

const STDOUT = 1
const nothingLogged = { format: 'off', lines: new LineWriter(STDOUT) } as const
const nothingCounted = new Traffic()
const SHADOW_PATIENCE_MS = 2000

/** Of a gate: what a decision rests on. All else counts, records or carries what really happens. */
export type DecidingParts = Pick<
  Gate,
  | 'limits'
  | 'publicUrls'
  | 'addressLimit'
  | 'addressLimited'
  | 'limiter'
  | 'verifier'
  | 'revocations'
  | 'signer'
  | 'lifecycle'
  | 'checkLifecycle'
  | 'runtime'
>

/** What the client would be told by the gate itself. */
interface OwnReply {
  readonly refusal: Denial | undefined
  /** `WWW-Authenticate`, whole. */
  readonly challenge: string | undefined
  readonly answer: Answer | undefined
}

/** What the gate decided: a reply of its own, or a request to the service. */
export interface Outcome extends OwnReply {
  readonly exchange: Exchange
  readonly forwarded: UpstreamRequest | undefined
  /** Names of the phases that it went through, in order; the last one decided. */
  readonly phases: readonly string[]
}

/**
 * Takes a request that is only thought of through the very phases and driver of a node, up to the moment at which it would
 * be forwarded, so that what is explained and what happens cannot differ. Nothing is charged, counted, recorded or sent to
 * a service; an issuer is asked what it would be asked, where the verifier asks any.
 */
export async function rehearse(parts: DecidingParts, request: ThoughtRequest): Promise<Outcome> {
  const { limits, publicUrls, addressLimit, addressLimited, limiter, verifier, revocations, signer, runtime } = parts
  const gate: Gate = {
    node: 'explain',
    limits,
    scheme: request.publicUrl.startsWith('https:') ? 'https' : 'http',
    publicUrls,
    // Whoever asks says what the client's address is.
    proxies: undefined,
    addressLimit: { exhausted: (address) => addressLimit.exhausted(address), charge: () => {}, refund: () => {} },
    addressLimited,
    knownAddresses: { add: () => {}, has: () => false },
    verifier,
    revocations,
    signer,
    // A browser's session is a secret that nobody can be asked for.
    sessions: undefined,
    loginDesk: undefined,
    lifecycle: rehearsed(parts.lifecycle),
    checkLifecycle: rehearsed(parts.checkLifecycle),
    accessLog: nothingLogged,
    // Of which nothing is taken.
    limiter,
    traffic: nothingCounted,
    tracer: undefined,
    audit: undefined,
    // No balancers: were a target asked for all the same, it would be a fault, and no connection.
    runtime: { snapshot: runtime.snapshot, balancers: [] },
    draining: false,
  }
  const downstream = new RecordingDownstream(request.address)
  const exchange = new RehearsedExchange(gate, request, downstream)
  drive(exchange)
  await downstream.ended
  await shadowJudged(exchange)
  return { exchange, phases: exchange.phases, forwarded: downstream.forwarded, ...downstream.reply }
}

/** On a public route the verdict of a shadow comes by itself, behind the decision, when a signature has to be verified. */
async function shadowJudged(x: RehearsedExchange): Promise<void> {
  if (x.route?.shadow === undefined || !x.phases.includes(authorize.name)) return
  const deadlineAt = performance.now() + SHADOW_PATIENCE_MS
  while (x.shadow === undefined && performance.now() < deadlineAt) await setImmediate()
}

class RehearsedExchange extends Exchange {
  override nowMs: number
  readonly phases: string[] = []

  constructor(gate: Gate, { head, nowMs }: ThoughtRequest, downstream: Downstream) {
    super(gate, head, downstream)
    this.nowMs = nowMs
  }

  /** The time at which the request is thought of stays. */
  override readClock(): void {}
}

const noReply: OwnReply = { refusal: undefined, challenge: undefined, answer: undefined }

/** Keeps what the client would be told. */
class RecordingDownstream implements Downstream {
  readonly remoteAddress: Uint8Array
  readonly proxiedAddress = undefined
  readonly bodyTouched = false
  readonly bytesIn = 0
  readonly bytesOut = 0
  readonly replying = false
  reply = noReply
  forwarded: UpstreamRequest | undefined
  readonly #ending = Promise.withResolvers<void>()

  constructor(remoteAddress: Uint8Array) {
    this.remoteAddress = remoteAddress
  }

  /** The exchange was decided. */
  get ended(): Promise<void> {
    return this.#ending.promise
  }

  refuse(refusal: Denial, _requestId: string, metadataUrl: string): void {
    const { challenge } = refusal
    this.reply = { ...noReply, refusal, challenge: challenge && withResourceMetadata(challenge, metadataUrl) }
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
  abort(): void {}
}

/** `forward` then hands over what it would send. */
function selectNone(x: Matched): undefined {
  const send = (request: UpstreamRequest): UpstreamCall => {
    const downstream = x.downstream as RecordingDownstream
    downstream.forwarded = request
    downstream.release()
    return { resume: () => {}, abort: () => {} }
  }
  // The first is as good as any: which one it would be is known only when it is asked for.
  x.target = { origin: x.route.service.upstreams[0]!.origin, send }
}

/** What would reach out, or count what never happens. */
const instead = new Map<Step, Step['run']>([
  [selectUpstream, selectNone],
  [limitSubject, () => undefined],
])

function noted({ name, waits, run }: Step): Step {
  const notedRun = (x: RehearsedExchange): ReturnType<Step['run']> => {
    x.phases.push(name)
    return run(x as never)
  }
  return { name, waits, run: notedRun }
}

function rehearsed({ request }: Lifecycle): Lifecycle {
  return {
    request: request.map((step) => noted({ ...step, run: instead.get(step) ?? step.run })),
    reply: [],
    settle: { name: 'settle', run: () => {} },
  }
}
