import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import type { Denial } from '../base/denial.ts'
import { withResourceMetadata } from '../oauth/challenge.ts'
import type { Answer } from '../pipeline/exchange/answer.ts'
import type { Downstream } from '../pipeline/exchange/downstream.ts'
import { drive } from '../pipeline/exchange/driver.ts'
import { Exchange, type Matched } from '../pipeline/exchange/exchange.ts'
import type { Lifecycle, Step } from '../pipeline/exchange/steps.ts'
import { dryRunGate, type Gate } from '../pipeline/gate.ts'
import { authorize } from '../pipeline/phases/authorize.ts'
import { limitSubject } from '../pipeline/phases/limit-subject.ts'
import { selectUpstream } from '../pipeline/phases/select-upstream.ts'
import type { UpstreamCall, UpstreamRequest } from '../upstream/target.ts'
import type { DryRunRequest } from './dry-run-request.ts'

const SHADOW_PATIENCE_MS = 2000

/** The gate's own reply to the client. */
interface OwnReply {
  readonly refusal: Denial | undefined
  /** Complete value of `WWW-Authenticate`. */
  readonly challenge: string | undefined
  readonly answer: Answer | undefined
}

/** The decision of the gate: its own reply, or a request to the service. */
export interface DryRunOutcome extends OwnReply {
  readonly exchange: Exchange
  readonly forwarded: UpstreamRequest | undefined
  /** Names of the phases that ran, in order. The last one decided. */
  readonly phases: readonly string[]
}

/**
 * Dry run of a request through the phases and the driver of a real node, up to the point of forwarding. Explanation and
 * real behaviour therefore cannot differ. Nothing is charged, counted, recorded or sent to a service. An issuer is
 * asked whenever the verifier would ask the issuer. Sessions are disabled: a caller must not have to enter the secret
 * cookie of a browser.
 */
export async function dryRun(given: Gate, request: DryRunRequest): Promise<DryRunOutcome> {
  const gate = dryRunGate(given, {
    scheme: request.publicUrl.startsWith('https:') ? 'https' : 'http',
    lifecycle: dryRunLifecycle(given.lifecycle),
    checkLifecycle: dryRunLifecycle(given.checkLifecycle),
  })
  const downstream = new RecordingDownstream(request.address)
  const exchange = new DryRunExchange(gate, request, downstream)
  drive(exchange)
  await downstream.ended
  await shadowEvaluated(exchange)
  return { exchange, phases: exchange.phases, forwarded: downstream.forwarded, ...downstream.reply }
}

/**
 * On a public route the shadow verdict may arrive after the decision, when a signature must be verified. Waits for the
 * verdict for at most 2 s.
 */
async function shadowEvaluated(x: DryRunExchange): Promise<void> {
  if (x.route?.shadow === undefined || !x.phases.includes(authorize.name)) return
  const deadlineAt = performance.now() + SHADOW_PATIENCE_MS
  while (x.shadow === undefined && performance.now() < deadlineAt) await setImmediate()
}

class DryRunExchange extends Exchange {
  override nowMs: number
  readonly phases: string[] = []

  constructor(gate: Gate, { head, nowMs }: DryRunRequest, downstream: Downstream) {
    super(gate, head, downstream)
    this.nowMs = nowMs
  }

  /** Keeps the time of the hypothetical request. */
  override readClock(): void {}
}

const noReply: OwnReply = { refusal: undefined, challenge: undefined, answer: undefined }

/** Records the reply instead of sending it. */
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

  /** Resolves when the exchange has been decided. */
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

/** Replaces upstream selection by a target that records the request that `forward` would send. */
function selectNone(x: Matched): undefined {
  const send = (request: UpstreamRequest): UpstreamCall => {
    const downstream = x.downstream as RecordingDownstream
    downstream.forwarded = request
    downstream.release()
    return { resume: () => {}, abort: () => {} }
  }
  // The first upstream stands for all: the balancer chooses only when a real request is sent.
  x.target = { origin: x.route.service.upstreams[0]!.origin, send }
}

/** Replacements for phases that would open connections or charge limits. */
const instead = new Map<Step, Step['run']>([
  [selectUpstream, selectNone],
  [limitSubject, () => undefined],
])

function noted(step: Step): Step {
  const { name, run } = step
  const notedRun = (x: DryRunExchange): ReturnType<Step['run']> => {
    x.phases.push(name)
    return run(x as never)
  }
  return { ...step, run: notedRun }
}

function dryRunLifecycle({ request }: Lifecycle): Lifecycle {
  return {
    request: request.map((step) => noted({ ...step, run: instead.get(step) ?? step.run })),
    reply: [],
    settle: { name: 'settle', run: () => {} },
  }
}
