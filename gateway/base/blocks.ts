/** Size of a memory block of the pool, bytes. */
export const BLOCK_BYTES = 64 * 1024
/** Largest number of free blocks in memory for reuse: 64 blocks are 4 MiB. */
const WAITING_MAX = 64

/**
 * Free blocks of 64 KiB for reuse.
 *
 * @bound {@link WAITING_MAX} blocks | the block is left to the garbage collector | gatehouse_memory_external_bytes
 */
const waiting: ArrayBuffer[] = []
/**
 * Memory blocks in use. `giveBack` accepts only these blocks: other buffers of the same size do not belong to the pool.
 */
const lent = new WeakSet<ArrayBufferLike>()

/**
 * Takes a memory block of 64 KiB from the pool for a part of a large body. The caller returns the block with `giveBack`
 * after sending. Without reuse, a streamed body leaves about 70 MB of garbage: V8 decides mainly by the size of its
 * heap when to collect garbage, and these buffers are outside of the heap.
 *
 * @param bytes  number of bytes to use of the block, 1 to `BLOCK_BYTES`
 * @returns buffer of that length with unspecified contents
 */
export function takeBlock(bytes: number): Buffer {
  const memory = waiting.pop() ?? new ArrayBuffer(BLOCK_BYTES)
  lent.add(memory)
  return Buffer.from(memory, 0, bytes)
}

/** Takes a memory block from the pool and copies `bytes` into the block. */
export function blockOf(bytes: Uint8Array): Buffer {
  const block = takeBlock(bytes.length)
  block.set(bytes)
  return block
}

/**
 * Returns a memory block to the pool; no code may read the block afterwards. Ignores buffers that do not belong to the
 * pool.
 */
export function giveBack(bytes: Buffer): void {
  const memory = bytes.buffer
  if (lent.delete(memory) && waiting.length < WAITING_MAX) waiting.push(memory as ArrayBuffer)
}
