import type { RawUpstream, UpstreamScript } from '../kit/raw-upstream.ts'
import type { Bytes, Wire } from '../kit/wire.ts'

/** The reply of a scripted service, and what the service does with the connection afterwards. */
export interface ScriptedReply {
  /** Bytes of the reply. A list is sent in separate pieces. */
  readonly bytes: Bytes | readonly Bytes[]
  /**
   * Action after the reply. Default `keep`: waits for the next request. `silence`: sends nothing more and keeps the
   * connection open.
   */
  readonly after?: 'keep' | 'close' | 'reset' | 'silence'
}

/** Function that sends a reply. The connection is closed afterwards. */
export type ReplyAction = (wire: Wire) => Promise<void>

const waitMs = 60_000

/** Returns a service that replies to `/s/<name>` with the script of that name, on any number of connections. */
export function scriptedReplies(scripts: Readonly<Record<string, ScriptedReply | ReplyAction>>): UpstreamScript {
  return async (wire) => {
    while (await wire.some(waitMs)) {
      const name = await requestedName(wire)
      const script = scripts[name]
      if (script === undefined) throw new Error(`no script for ${name}`)
      if (typeof script === 'function') return script(wire)
      await wire.send(script.bytes)
      if (script.after === 'silence') await wire.rest(waitMs)
      if (script.after === 'reset') {
        await wire.taken()
        wire.reset()
      }
      if (script.after !== undefined && script.after !== 'keep') return
    }
  }
}

async function requestedName(wire: Wire): Promise<string> {
  const head = (await wire.until('\r\n\r\n')).toString('latin1')
  return /^[A-Z]+ \/s\/([^/? ]*)/.exec(head)?.[1] ?? head
}

/** Returns the requests that reached an upstream as `METHOD /target`, one list per connection. Bodies are ignored. */
export function requestLinesOf(upstream: RawUpstream): string[][] {
  return upstream.received.map((bytes) =>
    [...bytes.toString('latin1').matchAll(/^([A-Z]+ \/\S*) HTTP\/1\.1\r$/gm)].map(([, line]) => line!),
  )
}
