/** Size of a block, bytes. */
export const BLOCK_BYTES = 64 * 1024
/** Most free blocks that are kept for reuse: 4 MiB. */
const WAITING_MAX = 64

const waiting: ArrayBuffer[] = []
/** Blocks in use. Only these may be returned: other buffers of the same size do not belong to the pool. */
const lent = new WeakSet<ArrayBufferLike>()

/**
 * Takes a block for a part of a large body; return the block with `giveBack` after sending. Without reuse, a streamed
 * body leaves about 70 MB of garbage: the collector looks mainly at the heap, and these buffers are outside of the
 * heap.
 *
 * @param bytes  1 to `BLOCK_BYTES`
 * @returns memory with unspecified contents
 */
export function takeBlock(bytes: number): Buffer {
  const memory = waiting.pop() ?? new ArrayBuffer(BLOCK_BYTES)
  lent.add(memory)
  return Buffer.from(memory, 0, bytes)
}

/** Takes a block and copies `bytes` into it. */
export function blockOf(bytes: Uint8Array): Buffer {
  const block = takeBlock(bytes.length)
  block.set(bytes)
  return block
}

/** Returns a block that no longer has readers. Ignores buffers that do not belong to the pool. */
export function giveBack(bytes: Buffer): void {
  const memory = bytes.buffer
  if (lent.delete(memory) && waiting.length < WAITING_MAX) waiting.push(memory as ArrayBuffer)
}
