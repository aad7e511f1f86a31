import { isUtf8 } from 'node:buffer'
import { isSendableCode, NO_CODE } from './close-code.ts'
import { Opcode } from './opcode.ts'

/** Receives the messages of a service. Buffers are valid until the method returns. */
export interface FrameListener {
  onMessage(data: Buffer, binary: boolean): void
  onPing(data: Buffer): void
  /** Called when the service sent a close frame. @param code  1005 when the frame contains no code */
  onClose(code: number, reason: Buffer): void
}

/**
 * Error: the service violated RFC 6455, or its message is too large. The connection fails with `closeCode` (RFC 6455
 * §7.1.7).
 */
export class FrameError extends Error {
  override readonly name = 'FrameError'
  readonly closeCode: 1002 | 1007 | 1009

  constructor(closeCode: 1002 | 1007 | 1009, message: string) {
    super(message)
    this.closeCode = closeCode
  }
}

const CONTROL_MAX_BYTES = 125
/** Longest head of an unmasked frame: two bytes and a length of 64 bits. */
const HEAD_MAX_BYTES = 10
/**
 * Shared buffer for the head of the frame that is being read. If a head arrives in parts, its reader keeps its first
 * bytes itself.
 */
const head = Buffer.alloc(HEAD_MAX_BYTES)
/**
 * Size of the first buffer for a message that arrives in parts, bytes. The size doubles whenever the buffer is full.
 */
const PART_BYTES = 4096

/**
 * Parses the frames that a service sends (RFC 6455 §5), and joins fragments to messages. Validates masking, reserved
 * bits, opcodes, lengths, fragmentation, UTF-8 and close codes. No extension is supported.
 *
 * A message that arrives in one frame and one read is passed on without a copy. Otherwise its bytes are copied to one
 * buffer, which grows with the bytes that have arrived and not with the announced length.
 */
export class FrameReader {
  readonly #listener: FrameListener
  readonly #maxMessageBytes: number
  /** The first bytes of a frame head whose other bytes have not arrived. */
  #headPart: Buffer | undefined
  #headSize = 0
  /** Length of the frame head, bytes; 2 until the second byte has been read, which determines the length. */
  #headLength = 2
  #inPayload = false
  #final = false
  #opcode: number = Opcode.continuation
  /** Number of payload bytes of the current frame that have not arrived. */
  #left = 0
  /** Opcode of the fragmented message in progress; `continuation` when no message is in progress. */
  #messageOpcode: number = Opcode.continuation
  /** Bytes of the message in progress, from earlier reads and frames. */
  #message: Buffer | undefined
  #messageSize = 0
  #control: Buffer | undefined
  #controlSize = 0
  #closed = false

  /** @param maxMessageBytes  size above which a message is an error with close code 1009 */
  constructor(listener: FrameListener, maxMessageBytes: number) {
    this.#listener = listener
    this.#maxMessageBytes = maxMessageBytes
  }

  /**
   * Parses the next bytes of the connection. Bytes after a close frame are ignored.
   *
   * @throws {FrameError} when the bytes violate RFC 6455; call no method after that
   */
  read(bytes: Buffer, from: number, to: number): void {
    let at = from
    while (at < to && !this.#closed) {
      if (!this.#inPayload) {
        at = this.#readHead(bytes, at, to)
        if (!this.#inPayload) return
        // Go on with a frame without a payload: it is complete even when no unread byte is left.
        if (this.#left > 0) continue
      }
      at = this.#readPayload(bytes, at, to)
    }
  }

  #readHead(bytes: Buffer, from: number, to: number): number {
    this.#headPart?.copy(head)
    this.#headPart = undefined
    let at = from
    while (at < to) {
      head[this.#headSize++] = bytes[at++]!
      if (this.#headSize === 2) this.#checkHead(head[0]!, head[1]!)
      if (this.#headSize === this.#headLength) {
        this.#beginPayload()
        return at
      }
    }
    this.#headPart = Buffer.from(head.subarray(0, this.#headSize))
    return at
  }

  #checkHead(first: number, second: number): void {
    if ((first & 0x70) !== 0) throw new FrameError(1002, 'the frame has a reserved bit set, but no extension is in use')
    const opcode = first & 0x0f
    const final = (first & 0x80) !== 0
    if ((second & 0x80) !== 0)
      throw new FrameError(1002, 'the frame of the service is masked; only clients may mask frames')
    const length = second & 0x7f
    if (opcode >= Opcode.close) {
      if (opcode > Opcode.pong) throw new FrameError(1002, `the frame has the reserved opcode ${opcode}`)
      if (!final) throw new FrameError(1002, 'the control frame is fragmented')
      if (length > CONTROL_MAX_BYTES)
        throw new FrameError(1002, `the control frame is longer than ${CONTROL_MAX_BYTES} bytes`)
      if (opcode === Opcode.close && length === 1)
        throw new FrameError(1002, 'the close frame contains one byte instead of a two-byte code')
    } else if (opcode === Opcode.continuation) {
      if (this.#messageOpcode === Opcode.continuation)
        throw new FrameError(1002, 'the continuation frame belongs to no fragmented message')
    } else {
      if (opcode > Opcode.binary) throw new FrameError(1002, `the frame has the reserved opcode ${opcode}`)
      if (this.#messageOpcode !== Opcode.continuation)
        throw new FrameError(1002, 'a new message begins before the end of a fragmented message')
    }
    this.#opcode = opcode
    this.#final = final
    this.#headLength = length === 127 ? 10 : length === 126 ? 4 : 2
  }

  #beginPayload(): void {
    const short = head[1]! & 0x7f
    let length = short
    if (short === 126) length = head.readUInt16BE(2)
    // Above 2^53, the number is not exact, but such a length exceeds the limit in any case.
    else if (short === 127) length = head.readUInt32BE(2) * 2 ** 32 + head.readUInt32BE(6)
    this.#headSize = 0
    this.#headLength = 2
    this.#left = length
    this.#inPayload = true
    if (this.#opcode >= Opcode.close) return
    if (this.#messageSize + length > this.#maxMessageBytes) {
      throw new FrameError(1009, `the message is longer than ${this.#maxMessageBytes} bytes`)
    }
    if (this.#opcode !== Opcode.continuation) this.#messageOpcode = this.#opcode
  }

  #readPayload(bytes: Buffer, from: number, to: number): number {
    const end = from + Math.min(this.#left, to - from)
    this.#left -= end - from
    const complete = this.#left === 0
    if (complete) this.#inPayload = false
    if (this.#opcode >= Opcode.close) this.#readControl(bytes, from, end, complete)
    else if (complete && this.#final) this.#endMessage(bytes, from, end)
    else this.#append(bytes, from, end)
    return end
  }

  #readControl(bytes: Buffer, from: number, end: number, complete: boolean): void {
    if (complete && this.#controlSize === 0) {
      this.#passControl(bytes.subarray(from, end))
      return
    }
    this.#control ??= Buffer.allocUnsafeSlow(CONTROL_MAX_BYTES)
    this.#controlSize += bytes.copy(this.#control, this.#controlSize, from, end)
    if (!complete) return
    const size = this.#controlSize
    this.#controlSize = 0
    this.#passControl(this.#control.subarray(0, size))
  }

  #passControl(data: Buffer): void {
    if (this.#opcode === Opcode.ping) this.#listener.onPing(data)
    else if (this.#opcode === Opcode.close) this.#close(data)
  }

  #close(data: Buffer): void {
    const code = data.length === 0 ? NO_CODE : data.readUInt16BE(0)
    if (code !== NO_CODE && !isSendableCode(code))
      throw new FrameError(1002, `the close frame contains the invalid close code ${code}`)
    if (data.length > 0 && code === NO_CODE)
      throw new FrameError(1002, `the close frame contains the invalid close code ${code}`)
    const reason = data.subarray(2)
    if (!isUtf8(reason)) throw new FrameError(1007, 'the reason in the close frame is not UTF-8')
    this.#closed = true
    this.#listener.onClose(code, reason)
  }

  #endMessage(bytes: Buffer, from: number, end: number): void {
    let data: Buffer
    if (this.#message === undefined) data = bytes.subarray(from, end)
    else {
      this.#append(bytes, from, end)
      data = this.#message.subarray(0, this.#messageSize)
    }
    const binary = this.#messageOpcode === Opcode.binary
    this.#message = undefined
    this.#messageSize = 0
    this.#messageOpcode = Opcode.continuation
    if (!binary && !isUtf8(data)) throw new FrameError(1007, 'the text message is not UTF-8')
    this.#listener.onMessage(data, binary)
  }

  #append(bytes: Buffer, from: number, end: number): void {
    const needed = this.#messageSize + end - from
    const old = this.#message
    if (old === undefined || old.length < needed) {
      const room = Math.min(Math.max(needed, PART_BYTES, 2 * (old?.length ?? 0)), this.#maxMessageBytes)
      this.#message = Buffer.allocUnsafeSlow(room)
      old?.copy(this.#message, 0, 0, this.#messageSize)
    }
    bytes.copy(this.#message!, this.#messageSize, from, end)
    this.#messageSize = needed
  }
}
