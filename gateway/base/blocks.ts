/** Bytes of a block. */
export const BLOCK_BYTES = 64 * 1024
/** Blocks that wait for their next use: 4 MiB. */
const WAITING_MAX = 64

const waiting: ArrayBuffer[] = []
/** Those that somebody has: whatever else has the same size is not ours to take. */
const lent = new WeakSet<ArrayBufferLike>()

/**
 * Memory for a part of a large body, to be given back once it was sent. Left to the collector, which looks at the heap and
 * hardly at what lies outside of it, a body that streams through would have some 70 MB of it lie about.
 *
 * @param bytes  1 to `BLOCK_BYTES`
 * @returns what the last use left in it
 */
export function takeBlock(bytes: number): Buffer {
  const memory = waiting.pop() ?? new ArrayBuffer(BLOCK_BYTES)
  lent.add(memory)
  return Buffer.from(memory, 0, bytes)
}

/** The same, with a copy of these bytes. */
export function blockOf(bytes: Uint8Array): Buffer {
  const block = takeBlock(bytes.length)
  block.set(bytes)
  return block
}

/** Takes a block back that nobody reads any more. Nothing happens to anything that is none. */
export function giveBack(bytes: Buffer): void {
  const memory = bytes.buffer
  if (lent.delete(memory) && waiting.length < WAITING_MAX) waiting.push(memory as ArrayBuffer)
}
