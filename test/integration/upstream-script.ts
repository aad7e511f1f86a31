import type { RawUpstream, UpstreamScript } from '../kit/raw-upstream.ts'
import type { Bytes, Wire } from '../kit/wire.ts'

/** What a service says to a request, and what it does with the connection then. */
export interface Saying {
  /** In pieces where it is a list. */
  readonly bytes: Bytes | readonly Bytes[]
  /** Default `keep`: the next request is waited for. `silence`: nothing more is said, and nothing closed. */
  readonly after?: 'keep' | 'close' | 'reset' | 'silence'
}

/** For what bytes alone cannot say; the connection is closed after it. */
type Doing = (wire: Wire) => Promise<void>

const waitMs = 60_000

/** A service that says to a request for `/s/<name>` what stands under the name, on as many connections as it takes. */
export function saying(sayings: Readonly<Record<string, Saying | Doing>>): UpstreamScript {
  return async (wire) => {
    while (await wire.some(waitMs)) {
      const name = await requestedName(wire)
      const said = sayings[name]
      if (said === undefined) throw new Error(`nothing to say to ${name}`)
      if (typeof said === 'function') return said(wire)
      await wire.send(said.bytes)
      if (said.after === 'silence') await wire.rest(waitMs)
      if (said.after === 'reset') {
        await wire.taken()
        wire.reset()
      }
      if (said.after !== undefined && said.after !== 'keep') return
    }
  }
}

async function requestedName(wire: Wire): Promise<string> {
  const head = (await wire.until('\r\n\r\n')).toString('latin1')
  return /^[A-Z]+ \/s\/([^/? ]*)/.exec(head)?.[1] ?? head
}

/** The requests that reached an upstream, one list a connection, each as `METHOD /target`. Of bodies it knows nothing. */
export function askedOn(upstream: RawUpstream): string[][] {
  return upstream.received.map((bytes) =>
    [...bytes.toString('latin1').matchAll(/^([A-Z]+ \/\S*) HTTP\/1\.1\r$/gm)].map(([, line]) => line!),
  )
}
