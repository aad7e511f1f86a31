/**
 * Whether a peer ended a TLS connection with an alert, as it does when it does not accept the client certificate. With
 * TLS 1.3 the alert arrives after the handshake.
 */
export function isTlsAlert(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: unknown }
  if (typeof code === 'string' && code.startsWith('ERR_SSL_') && code.includes('ALERT')) return true
  return cause !== undefined && isTlsAlert(cause)
}
