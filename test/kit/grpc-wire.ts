/** A message of a gRPC call on the wire: its prefix, then its bytes. */
export function grpcMessage(bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes)
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(body.length, 1)
  return Buffer.concat([prefix, body])
}

/** Value of a field in a list of alternating names and values. */
export function valueIn(list: readonly string[], name: string): string | undefined {
  const at = list.findIndex((each, i) => i % 2 === 0 && each === name)
  return at < 0 ? undefined : list[at + 1]
}
