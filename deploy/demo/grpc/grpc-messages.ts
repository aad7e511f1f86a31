/** Size of the prefix of a gRPC message, bytes: one for compression, four for the length. */
const PREFIX_BYTES = 5

/** Largest message that the demo reads, bytes. */
const MESSAGE_MAX_BYTES = 64 * 1024

/** Returns a gRPC message with its prefix of five bytes. */
export function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/**
 * Reads the messages of one direction of a gRPC call.
 *
 * @throws {Error} for a compressed message, a message above 64 KiB, and an end within a message
 */
export async function* readMessages(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = Buffer.alloc(0)
  for await (const chunk of chunks) {
    bytes = Buffer.concat([bytes, chunk])
    while (bytes.length >= PREFIX_BYTES) {
      if (bytes[0] !== 0) throw new Error('a compressed message: compression is not supported')
      const end = PREFIX_BYTES + bytes.readUInt32BE(1)
      if (end > PREFIX_BYTES + MESSAGE_MAX_BYTES) throw new Error(`a message above ${MESSAGE_MAX_BYTES} bytes`)
      if (end > bytes.length) break
      yield bytes.subarray(PREFIX_BYTES, end)
      bytes = bytes.subarray(end)
    }
  }
  if (bytes.length > 0) throw new Error('the call ended within a message')
}
