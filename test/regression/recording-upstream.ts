import { type RawUpstream, rawUpstream } from '../kit/raw-upstream.ts'
import type { Wire } from '../kit/wire.ts'

const idleLimitMs = 120_000

/** A recorded request as Latin-1 text. The body grows while its bytes arrive. */
export interface RecordedRequest {
  /** Request line and header fields, including the empty line at the end. */
  readonly head: string
  /** The body as received, including the sizes of its chunks. */
  body: string
  /** Whether the body has arrived completely, according to its framing. */
  complete: boolean
}

/** A service over plain TCP that records every request and replies 200 with the body `ok`. */
export interface RecordingUpstream {
  readonly url: string
  /** Requests of all connections, in the order in which their heads arrived. */
  readonly requests: readonly RecordedRequest[]
  /** Errors caused by requests that RFC 9112 does not allow. Tests expect an empty list. */
  readonly failures: readonly Error[]
}

/** Starts a recording service that stops after the tests of the file. */
export async function recordingUpstream(): Promise<RecordingUpstream> {
  const requests: RecordedRequest[] = []
  const upstream: RawUpstream = await rawUpstream(async (wire) => {
    while (await wire.some(idleLimitMs)) {
      const head = (await wire.until('\r\n\r\n')).toString('latin1')
      const request = { head, body: '', complete: false }
      requests.push(request)
      await readBody(wire, request)
      if (!request.complete) return
      await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    }
  })
  return { url: upstream.url, requests, failures: upstream.failures }
}

/** Returns all framing fields of a request head unchanged: Content-Length, Transfer-Encoding and their alias names. */
export function framingOf(head: string): string[] {
  return head.split('\r\n').filter((line) => /^(?:content|transfer).(?:length|encoding)\s*:/i.test(line))
}

async function readBody(wire: Wire, request: RecordedRequest): Promise<void> {
  const framing = framingOf(request.head)
  if (framing.length > 1) throw new Error(`two framing fields in ${JSON.stringify(request.head)}`)
  const [, name, value] = /^(.*?): (.*)$/.exec(framing[0] ?? 'content-length: 0') ?? []
  if (name === 'content-length' && /^\d+$/.test(value!)) {
    const body = await wire.take(Number(value), idleLimitMs)
    request.body = body.toString('latin1')
    request.complete = body.length === Number(value)
    return
  }
  if (name !== 'transfer-encoding' || value !== 'chunked') throw new Error(`unexpected framing field: ${framing[0]}`)
  for (let last = false; !last; ) {
    const line = (await wire.until('\r\n', idleLimitMs)).toString('latin1')
    if (!line.endsWith('\r\n')) return
    const data = await wire.take(Number.parseInt(line, 16) + 2, idleLimitMs)
    request.body += line + data.toString('latin1')
    last = Number.parseInt(line, 16) === 0
    request.complete = last && data.length === 2
  }
}
