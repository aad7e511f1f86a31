import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { TlsMaterial } from './tls-material.ts'

/**
 * TLS options of the connections to a host. The certificate of the host must be valid for the configured server name,
 * or without one for the host.
 *
 * @param protocol  the only protocol that is offered in the handshake (ALPN, RFC 7301)
 */
export function tlsOptions(
  host: string,
  { context, serverName }: TlsMaterial,
  protocol: 'http/1.1' | 'h2',
): ConnectionOptions {
  // Send no server name for an IP address (RFC 6066 §3). The certificate must still be valid for the address.
  const servername = serverName ?? (isIP(host) === 0 ? host : undefined)
  return {
    secureContext: context,
    ALPNProtocols: [protocol],
    // Set `rejectUnauthorized` explicitly, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default.
    rejectUnauthorized: true,
    ...(servername !== undefined && { servername }),
  }
}
