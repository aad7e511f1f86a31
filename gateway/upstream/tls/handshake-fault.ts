import { GatewayFault } from '../../base/fault.ts'
import type { SeenCertificate } from './seen-certificate.ts'

/**
 * Explanations of TLS alerts and OpenSSL errors, each with a pattern that their reason matches. The first match
 * applies.
 */
const explanations: readonly (readonly [pattern: RegExp, explanation: string])[] = [
  [/certificate required/i, 'the upstream requires a client certificate; set upstream_tls.certificate and key'],
  [
    /bad certificate|unknown ca|certificate expired|certificate revoked|certificate unknown|unsupported certificate|access denied/i,
    'the upstream does not accept the client certificate of the gate; check upstream_tls.certificate and the authorities that the upstream trusts',
  ],
  [
    /protocol version|unsupported protocol|inappropriate fallback/i,
    'no TLS version that both sides allow; check upstream_tls.min_version and the upstream',
  ],
  [/handshake failure/i, 'no common cipher, or the upstream requires a client certificate (upstream_tls.certificate)'],
  [/unrecognized name/i, 'the upstream does not serve the requested name; check upstream_tls.server_name'],
  [/wrong version number|packet length too long|http request/i, 'the upstream does not speak TLS on this port'],
]

const nameMismatch = 'ERR_TLS_CERT_ALTNAME_INVALID'

/** Failure of a TLS connection: the error, and the facts that are known about the upstream. */
interface FailedHandshake {
  readonly origin: string
  readonly error: NodeJS.ErrnoException & { readonly reason?: string }
  /** Result of the verification of the upstream's certificate: an error code, or nothing when it succeeded. */
  readonly authorizationError: unknown
  /** Certificate of the upstream; `undefined` when the handshake ended before it was received. */
  readonly peer: SeenCertificate | undefined
  /** Whether the connection was already open. With TLS 1.3 the upstream checks the client certificate afterwards. */
  readonly open: boolean
}

/**
 * Maps a TLS failure to a fault that names the side at fault. A handshake that failed before the connection opened is
 * retryable: nothing of the request was sent.
 *
 * @returns `undefined` for an error that TLS did not cause, for example a refused TCP connection
 */
export function handshakeFault({ origin, error, authorizationError, peer, open }: FailedHandshake) {
  const { code = '' } = error
  if (!open && authorizationError != null && authorizationError !== '') {
    const message = `${origin}: ${certificateText(code, error, peer)}`
    return new GatewayFault('upstream-certificate', 'upstream', message, { cause: error, retryable: true })
  }
  if (!code.startsWith('ERR_SSL_')) return undefined
  const reason = error.reason ?? code
  const explanation = explanations.find(([pattern]) => pattern.test(reason))?.[1]
  const message = `${origin}: TLS handshake failed (${reason})${explanation === undefined ? '' : `: ${explanation}`}`
  return new GatewayFault('upstream-handshake', 'upstream', message, { cause: error, retryable: !open })
}

/** Describes the flaw of an upstream's certificate, and the remedy. */
function certificateText(code: string, error: Error, peer: SeenCertificate | undefined): string {
  const subject = `the certificate of the upstream${peer === undefined ? '' : ` (${peer.names})`}`
  switch (code) {
    case nameMismatch:
      return `${subject} is not valid for the name of the upstream; renew it with that name, or set upstream_tls.server_name`
    case 'CERT_HAS_EXPIRED':
      return `${subject}, or one that issued it, has expired${untilText(peer)}; the upstream must renew it`
    case 'CERT_NOT_YET_VALID':
      return `${subject}, or one that issued it, is not valid yet; check the clocks of both machines`
    default:
      return `${subject} is not trusted (${code === '' ? error.message : code}); set upstream_tls.ca to the authority that issued it`
  }
}

function untilText(peer: SeenCertificate | undefined): string {
  return peer === undefined ? '' : ` (it is valid until ${new Date(peer.validUntilMs).toISOString()})`
}
