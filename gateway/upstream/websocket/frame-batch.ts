import { BLOCK_BYTES, giveBack, takeBlock } from '../../base/blocks.ts'
import type { Carrier } from '../http1-call.ts'
import { clientFrame, clientFrameLength, type FrameMemory, frameMemory, writeClientFrame } from './client-frame.ts'

/**
 * Maximum number of memory blocks that sockets may keep until their services read: 64 blocks are 4 MiB. Above this
 * number, each batch is copied to a buffer of exactly its size.
 */
const LENT_MAX = 64

/** The connection of a WebSocket to a service. */
export type FrameCarrier = Pick<Carrier, 'usable' | 'unsentBytes' | 'write'>

/**
 * Collects the frames that one WebSocket sends within a turn of the event loop, in one memory block that all WebSockets
 * of the node share, and writes them with one system call. With a buffer per frame, a message of 16 KiB costs about
 * twice the CPU time.
 *
 * The frames of one connection stay in order. The batch is written when a frame for another connection arrives, when
 * the block is full, and at the end of the turn.
 */
export class FrameBatch {
  #block: Block | undefined
  #carrier: FrameCarrier | undefined
  /** Number of bytes of the memory block that are in use. */
  #size = 0
  #ending = false
  #lent = 0

  /** Adds a WebSocket frame to the batch. Parameters as for {@link writeClientFrame}. */
  add(carrier: FrameCarrier, opcode: number, data: Uint8Array): void {
    const length = clientFrameLength(data.length)
    if (this.#carrier !== carrier || this.#size + length > BLOCK_BYTES) this.flush()
    if (length > BLOCK_BYTES) {
      carrier.write(clientFrame(opcode, data))
      return
    }
    this.#block ??= new Block()
    this.#carrier = carrier
    this.#size = writeClientFrame(this.#block.memory, this.#size, opcode, data)
    if (this.#ending) return
    this.#ending = true
    setImmediate(() => {
      this.#ending = false
      this.flush()
    })
  }

  /**
   * Writes the frames of the batch. Call this before anything else is written to the connection of a WebSocket, and
   * before the connection is ended.
   */
  flush(): void {
    const carrier = this.#carrier
    if (carrier === undefined) return
    this.#carrier = undefined
    const block = this.#block!
    const bytes = block.memory.bytes.subarray(0, this.#size)
    this.#size = 0
    if (!carrier.usable) return
    if (carrier.unsentBytes > 0 || this.#lent >= LENT_MAX) {
      // Copy the bytes, because otherwise the socket would keep the shared memory block until the service reads.
      carrier.write(Buffer.from(bytes))
      return
    }
    block.writes++
    carrier.write(bytes, block.sent)
    // Check whether the block is free again: without TLS, the kernel usually takes all bytes within `write`.
    if (carrier.unsentBytes === 0) return
    this.#block = undefined
    this.#lent++
    block.onReturned = () => this.#lent--
  }
}

/** A memory block for frames, which a socket may keep after a write. */
class Block {
  readonly memory: FrameMemory = frameMemory(takeBlock(BLOCK_BYTES))
  /** Number of writes whose callback has not been called. */
  writes = 0
  /** Called at the end of the last write. Set when the memory block is no longer used for new frames. */
  onReturned: (() => void) | undefined

  readonly sent = (error?: Error | null): void => {
    this.writes--
    if (this.onReturned === undefined || this.writes > 0) return
    this.onReturned()
    // After a failed write, the socket may still read the block.
    if (error == null) giveBack(this.memory.bytes)
  }
}
