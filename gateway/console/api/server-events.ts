/** One server-sent event (WHATWG HTML §9.2). */
export interface ServerEvent {
  readonly id: string
  /** Kind of the event; `message` unless the stream states another. */
  readonly event: string
  readonly data: string
}

/**
 * Reads the server-sent events of a reply. The console cannot use `EventSource`, which sends no header fields of its
 * own.
 */
export async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const text = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
  let rest = ''
  const reader = text.getReader()
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      const blocks = (rest + chunk.value).split('\n\n')
      rest = blocks.pop()!
      for (const block of blocks) {
        const event = eventIn(block)
        if (event !== undefined) yield event
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** @returns `undefined` for a block without data, such as a comment */
function eventIn(block: string): ServerEvent | undefined {
  const fields = { id: '', event: 'message', data: [] as string[] }
  for (const line of block.split('\n')) {
    const end = line.indexOf(':')
    const name = end < 0 ? line : line.slice(0, end)
    const value = end < 0 ? '' : line.slice(end + 1).replace(/^ /, '')
    if (name === 'data') fields.data.push(value)
    else if (name === 'id' || name === 'event') fields[name] = value
  }
  return fields.data.length === 0 ? undefined : { ...fields, data: fields.data.join('\n') }
}
