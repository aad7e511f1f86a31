import type { GatewayFault } from '../../base/fault.ts'
import type { ReplyHead } from '../reply-head.ts'
import type { PooledTarget, Trailers, UpstreamCall, UpstreamListener, UpstreamRequest } from '../target.ts'
import { GRPC_HEALTH_PATH, grpcHealthBody, grpcHealthFields, notServing } from './grpc-health.ts'
import { type CheckOutcome, formatRanges, type HealthRules } from './health-rules.ts'

/** Number of bytes of a reply after which the gate closes the connection, because only the status matters. */
const BODY_MAX_BYTES = 16 * 1024
/** Number of bytes of the reply to a health check that are kept: enough for the message of a gRPC check. */
const KEPT_BYTES = 64

/** Header fields of every health check. A health check sends no credential, and no field of a client. */
const fields = ['user-agent', 'gatehouse-health-check']

/**
 * One health check of an upstream: one request on a new connection, which is closed after the reply. A check
 * therefore takes no connection of the calls, and shows whether the upstream still accepts connections.
 */
export class HealthCheck implements UpstreamListener {
  readonly #rules: HealthRules
  readonly #target: PooledTarget
  readonly #over = Promise.withResolvers<CheckOutcome>()
  #call: UpstreamCall | undefined
  #status = 0
  #bytes = 0
  /** First bytes of the reply's body, for a gRPC check. */
  #kept = Buffer.alloc(0)

  /** @param target  pool for this check only; the check closes it */
  constructor(rules: HealthRules, target: PooledTarget) {
    this.#rules = rules
    this.#target = target
  }

  /** Sends the request of the health check. Resolves with the outcome; never rejects. */
  run(): Promise<CheckOutcome> {
    this.#call = this.#target.send(requestOf(this.#rules), this)
    return this.#over.promise
  }

  /** Ends the health check because its maximum time has passed. */
  timeOut(): void {
    // If the head of the reply has arrived, its status decides, although its body is slow.
    if (this.#status !== 0 && this.#rules.path !== undefined) this.#decide()
    else this.#end({ result: 'timeout', detail: `no reply within ${this.#rules.timeoutMs} ms` })
  }

  onOpen(): void {}

  onHead(head: ReplyHead): void {
    this.#status = head.status
  }

  onData(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#kept.length <= KEPT_BYTES) {
      this.#kept = Buffer.concat([this.#kept, chunk.subarray(0, KEPT_BYTES + 1 - this.#kept.length)])
    }
    if (this.#bytes > BODY_MAX_BYTES) this.#decide()
    return true
  }

  onEnd(trailers?: Trailers): void {
    this.#decide(trailers)
  }

  onFault(fault: GatewayFault): void {
    if (this.#status !== 0 && this.#rules.path !== undefined) this.#decide()
    else if (fault.reason === 'upstream-timeout') this.timeOut()
    else this.#end({ result: 'connection', detail: fault.message })
  }

  /** Compares the status of the reply with the statuses that the rules expect. */
  #decide(trailers?: Trailers): void {
    const { path, expect } = this.#rules
    const status = this.#status
    if (!expect.some(({ from, to }) => status >= from && status <= to)) {
      this.#end({ result: 'status', detail: `status ${status}, expected ${formatRanges(expect)}` })
      return
    }
    const problem = path === undefined ? notServing(this.#kept, trailers) : undefined
    if (problem !== undefined) this.#end({ result: 'status', detail: problem })
    else this.#end({ result: 'passed', detail: path === undefined ? 'SERVING' : `status ${status}` })
  }

  #end(outcome: CheckOutcome): void {
    this.#call?.abort()
    this.#target.close()
    this.#over.resolve(outcome)
  }
}

function requestOf({ path, timeoutMs }: HealthRules): UpstreamRequest {
  const timeouts = { firstByteMs: timeoutMs, idleMs: timeoutMs }
  return path === undefined
    ? {
        method: 'POST',
        target: GRPC_HEALTH_PATH,
        fields: [...fields, ...grpcHealthFields],
        body: grpcHealthBody(),
        timeouts,
      }
    : { method: 'GET', target: path, fields: [...fields, 'accept', '*/*'], body: undefined, timeouts }
}
