import type { IncomingMessage } from 'node:http'
import { foldMapped, isLoopback, parseAddress } from '../../base/addresses.ts'

const forwardingFields = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'] as const
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d*)?$/i

/**
 * Whether a request comes from this machine: from a loopback address, to a loopback host, and without a field by which
 * proxies state another client.
 */
export function isLocalRequest({ headers, socket }: IncomingMessage): boolean {
  const address = parseAddress(socket.remoteAddress ?? '')
  if (address === undefined || !isLoopback(foldMapped(address))) return false
  return loopbackHost.test(headers.host ?? '') && forwardingFields.every((name) => headers[name] === undefined)
}
