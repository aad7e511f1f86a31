import { isLoopback, parseAddress } from '../base/addresses.ts'
import { parsedText } from './text-schemas.ts'

/** Address on which a listener accepts connections. */
export interface ListenAddress {
  /** Host name or address, without brackets. `undefined`: the node listens on all addresses of the machine. */
  readonly host: string | undefined
  /** TCP port. 0: the operating system chooses a free port. */
  readonly port: number
}

const form = 'host:port, [address]:port or :port'
const shape = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):(0|[1-9][0-9]{0,4})$/

export const listenAddress = parsedText(form, readListenAddress)

function readListenAddress(text: string): ListenAddress | undefined {
  const [, bracketed, plain, digits] = shape.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) return undefined
  if (bracketed !== undefined) return parseAddress(bracketed)?.length === 16 ? { host: bracketed, port } : undefined
  // Reject a text of digits and dots that is no IPv4 address. Otherwise the node would resolve it as a host name.
  if (/^[0-9.]+$/.test(plain!) && parseAddress(plain!) === undefined) return undefined
  return { host: plain === '' ? undefined : plain, port }
}

/** True when the listener accepts connections only from the same machine. */
export function listensOnLoopback({ host }: ListenAddress): boolean {
  if (host === undefined) return false
  const address = parseAddress(host)
  return address === undefined ? host === 'localhost' : isLoopback(address)
}
