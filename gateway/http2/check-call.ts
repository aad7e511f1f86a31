import { constants, type ServerHttp2Stream } from 'node:http2'
import type { ActiveSet, ActiveSetMember } from '../base/active-set.ts'
import { denial, type HeaderField } from '../base/denial.ts'
import { readCheckRequest } from '../ext-authz/check-request.ts'
import { writeAdmitted, writeDenied } from '../ext-authz/check-response.ts'
import { MalformedMessage } from '../ext-authz/protobuf-reader.ts'
import type { Answer } from '../pipeline/exchange/answer.ts'
import type { ClientSocket } from '../pipeline/exchange/client-socket.ts'
import type { Downstream } from '../pipeline/exchange/downstream.ts'
import { abandon, drive, fail } from '../pipeline/exchange/driver.ts'
import { Exchange } from '../pipeline/exchange/exchange.ts'
import type { Refusal } from '../pipeline/exchange/refusal.ts'
import { type MessageRequest, messageRequest, unreadMessage } from '../pipeline/forward-auth/message-request.ts'
import type { Gate } from '../pipeline/gate.ts'
import type { InFlight } from '../pipeline/in-flight/in-flight.ts'
import { answeredCheck, refusedCheck } from './check-reply.ts'
import type { ClientConnection } from './client-connection.ts'
import { GRPC_PREFIX_BYTES } from './grpc-messages.ts'

/** Path of the only gRPC method (`Check`) of Envoy's authorization service. */
const CHECK_PATH = '/envoy.service.auth.v3.Authorization/Check'
const contentType = /^application\/grpc(?:\+proto)?[\t ]*(?:;|$)/i

/**
 * Maximum size of a message of an ext_authz check, bytes. The largest head of Envoy (60 KiB) and a certificate fit. A
 * check with a larger message is denied with 431 before the whole message is read.
 */
const MESSAGE_MAX = 256 * 1024
/** Maximum time for a peer to send the whole message of a check, and then to read the whole reply, ms each. */
export const CHECK_PEER_MS = 10_000

const malformed = denial('check-malformed')
const headTooLarge = denial('head-too-large')

/** gRPC status codes of ext_authz calls without a `CheckResponse`. */
const rpcStatus = { unimplemented: 12, internal: 13 } as const

/** Whether a request is a call of Envoy's authorization service. @param list  alternating names and values of its head */
export function isCheckCall(list: readonly string[]): boolean {
  return (
    fieldIn(list, ':path') === CHECK_PATH &&
    fieldIn(list, ':method') === 'POST' &&
    contentType.test(fieldIn(list, 'content-type') ?? '')
  )
}

function fieldIn(list: readonly string[], name: string): string | undefined {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return list[i + 1]
  return undefined
}

export interface CheckCallParts {
  readonly gate: Gate
  readonly stream: ServerHttp2Stream
  readonly connection: ClientConnection
  readonly inFlight: InFlight
  /**
   * The ext_authz calls that are not in an exchange: their message has not arrived completely, or Envoy has not read
   * their reply.
   */
  readonly waiting: ActiveSet<CheckCall>
  /** Returns the monotonic time, ms. */
  readonly now: () => number
}

/**
 * A call of Envoy's authorization service (ext_authz v3): a forward-auth check whose request is in a message. Reads the
 * message of a listed peer, runs the lifecycle of checks, and replies with a message.
 *
 * A message that cannot be read is denied, not failed: with `failure_mode_allow: true`, Envoy admits requests whose check
 * has failed, and clients can influence the message.
 */
export class CheckCall implements Downstream, ActiveSetMember {
  /** Exchange of the checked request; `undefined` while the message is read. */
  exchange!: Exchange
  place = -1
  readonly remoteAddress: Uint8Array
  readonly proxiedAddress = undefined
  readonly isWebSocket = false
  readonly bodyTouched = false
  readonly uploading = false
  readonly lingers = false
  readonly backedUp = false
  replying = false
  bytesIn = 0
  bytesOut = 0
  readonly #parts: CheckCallParts
  readonly #stream: ServerHttp2Stream
  /** Parts of the ext_authz message that have arrived. @bound 256 KiB | the check is refused | none */
  readonly #chunks: Buffer[] = []
  /** Set that contains this ext_authz call: the exchanges in progress, or the calls that wait for their peers. */
  #in: InFlight | ActiveSet<CheckCall> | undefined
  /** Monotonic time at which the wait of the ext_authz call for its peer began, ms. */
  #waitsSinceMs = 0
  /** True when the whole ext_authz message has arrived. */
  #received = false
  /** True when the checked request is decided, or the ext_authz call has failed. */
  #decided = false
  /** True when the whole reply of the ext_authz call was handed to the stream. */
  #complete = false

  constructor(parts: CheckCallParts) {
    const { stream, connection } = parts
    this.#parts = parts
    this.#stream = stream
    this.remoteAddress = connection.address
    stream.on('wantTrailers', () => this.#endStream())
    stream.on('finish', () => this.#finished())
    stream.on('close', () => this.#closed())
  }

  /** Begins the ext_authz call: reads the message of a listed peer; refuses any other peer at once. */
  open(list: readonly string[]): void {
    const { gate, stream } = this.#parts
    this.#received = stream.endAfterHeaders
    if (gate.proxies?.mayCallAuthorization(this.remoteAddress) !== true) {
      // Run the lifecycle without reading the message: `read-check` refuses the unlisted peer before it looks at the
      // request.
      this.#decide(() => unreadMessage(malformed))
      return
    }
    const encoding = fieldIn(list, 'grpc-encoding')
    if (encoding !== undefined && encoding !== 'identity') {
      this.#failCall(rpcStatus.unimplemented, 'compressed messages are not supported', [
        'grpc-accept-encoding',
        'identity',
      ])
      return
    }
    this.#wait()
    stream.on('data', (chunk: Buffer) => this.#receive(chunk))
    stream.on('end', () => this.#receiveEnd())
  }

  #receive(chunk: Buffer): void {
    this.bytesIn += chunk.length
    this.#parts.connection.bodyRead(chunk.length)
    if (this.#decided) return
    this.#chunks.push(chunk)
    if (this.bytesIn <= GRPC_PREFIX_BYTES + MESSAGE_MAX) return
    this.#stream.pause()
    this.#decide(() => unreadMessage(headTooLarge))
  }

  /**
   * Called at the end of the ext_authz message. Node.js also ends the body of a stream that was reset: only a body that
   * the peer has ended is complete.
   */
  #receiveEnd(): void {
    this.#received = true
    if (this.#decided || this.#stream.aborted || this.#stream.rstCode !== 0) return
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    if (bytes.length < GRPC_PREFIX_BYTES || bytes.readUInt32BE(1) !== bytes.length - GRPC_PREFIX_BYTES) {
      this.#failCall(rpcStatus.internal, 'a check must consist of exactly one message')
    } else if (bytes[0] !== 0) {
      this.#failCall(rpcStatus.internal, 'a compressed message has no grpc-encoding; compression is not supported')
    } else this.#decide(() => this.#read(bytes))
  }

  #read(bytes: Buffer): MessageRequest {
    try {
      return messageRequest(readCheckRequest(bytes, GRPC_PREFIX_BYTES), this.#parts.gate)
    } catch (error) {
      if (error instanceof MalformedMessage) return unreadMessage(malformed)
      throw error
    }
  }

  /** Runs the exchange of the checked request through the lifecycle of checks. */
  #decide(read: () => MessageRequest): void {
    const { gate, connection, inFlight } = this.#parts
    this.#decided = true
    this.#chunks.length = 0
    this.#leave()
    let x: Exchange | undefined
    try {
      const { head, asked, scheme } = read()
      x = new Exchange(gate, head, this)
      x.asked = asked
      x.proto = scheme ?? gate.publicUrls.scheme
      x.handshake = connection.handshake
      this.exchange = x
      inFlight.add(this)
      this.#in = inFlight
      drive(x)
    } catch (error) {
      if (x === undefined) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      else fail(x, error)
    }
  }

  refuse(refusal: Refusal): void {
    const { denial, requestId } = refusal
    if (denial.reason === 'check-unlisted') {
      this.#failCall(rpcStatus.unimplemented, 'the gate has no gRPC service with this path', [
        'x-request-id',
        requestId,
      ])
      return
    }
    this.#reply(writeDenied(refusedCheck(this.exchange, refusal), GRPC_PREFIX_BYTES))
  }

  answer(answer: Answer, requestId: string): void {
    const { check } = answer
    if (check !== undefined) this.#reply(writeAdmitted(check, GRPC_PREFIX_BYTES))
    else this.#reply(writeDenied(answeredCheck(this.exchange, answer, requestId), GRPC_PREFIX_BYTES))
  }

  /** Sends the reply of the ext_authz call. @param bytes  a message after its prefix, which is not yet written */
  #reply(bytes: Buffer): void {
    this.replying = true
    if (this.#isGone) return
    bytes[0] = 0
    bytes.writeUInt32BE(bytes.length - GRPC_PREFIX_BYTES, 1)
    this.bytesOut = bytes.length
    this.#complete = true
    this.#stream.respond(replyHead, { waitForTrailers: true })
    this.#stream.end(bytes)
  }

  #endStream(): void {
    if (this.#complete && !this.#isGone) this.#stream.sendTrailers(replyTrailers)
  }

  /** Ends the ext_authz call without a `CheckResponse`. Envoy then does what `failure_mode_allow` says. */
  #failCall(status: number, message: string, ...fields: readonly HeaderField[]): void {
    this.replying = true
    this.#decided = true
    if (this.#isGone) return
    this.#complete = true
    const head = [...replyHead, 'grpc-status', String(status), 'grpc-message', message, ...fields.flat()]
    this.#stream.respond(head, { endStream: true })
    if (this.exchange === undefined) this.#wait()
  }

  get #isGone(): boolean {
    return this.#stream.closed || this.#stream.destroyed
  }

  /**
   * Called when the reply of the ext_authz call has been sent. A peer that still sends its request gets RST_STREAM
   * later.
   */
  #finished(): void {
    // Resume the stream: Node.js keeps a paused stream after its end, so that the stream would still count against
    // `max_streams`.
    this.#stream.resume()
    if (!this.#received && !this.#isGone) this.#parts.connection.bodyRefused(this.#stream)
  }

  #closed(): void {
    this.#leave()
    this.#parts.connection.streamClosed(this.#stream, !this.#complete)
    if (!this.#complete && this.exchange !== undefined) abandon(this.exchange, 'client-gone')
  }

  /** Counts the ext_authz call among those that wait for their peers. */
  #wait(): void {
    const { waiting, now } = this.#parts
    this.#leave()
    this.#waitsSinceMs = now()
    waiting.add(this)
    this.#in = waiting
  }

  #leave(): void {
    this.#in?.delete(this)
    this.#in = undefined
  }

  /**
   * Ends the ext_authz call when the peer has not sent the message, or has not read the reply, in time. Called every
   * 250 ms.
   */
  sweep(): void {
    if (this.#parts.now() - this.#waitsSinceMs >= CHECK_PEER_MS) this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  release(): void {
    if (this.#isGone) this.#leave()
    else this.#wait()
  }

  abort(): void {
    this.#complete = true
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  /**
   * Returns `undefined` (never stalled): during the exchange of an ext_authz call, the gate waits neither for bytes of
   * Envoy nor for Envoy to read. `waiting` has the calls that do.
   */
  stallReason(): undefined {
    return undefined
  }

  restartTimeout(): void {}

  goAway(): void {}

  openBody(): undefined {
    return undefined
  }

  begin(): void {
    notForwarded()
  }

  write(): boolean {
    return notForwarded()
  }

  continue(): boolean {
    return notForwarded()
  }

  endCall(): boolean {
    return false
  }

  end(): boolean {
    return notForwarded()
  }

  accept(): ClientSocket {
    return notForwarded()
  }
}

/** Unreachable: a check is never forwarded, so no service replies to it. */
function notForwarded(): never {
  throw new Error('a check is not forwarded')
}

const replyHead = [':status', '200', 'content-type', 'application/grpc']
const replyTrailers = { 'grpc-status': '0' }
