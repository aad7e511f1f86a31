/**
 * Protocol in which the gate calls a service: HTTP/1.1, HTTP/2 over TLS (ALPN h2), or HTTP/2 without TLS with prior
 * knowledge (RFC 9113 §3.3).
 */
export const serviceProtocols = ['http1', 'h2', 'h2c'] as const

export type ServiceProtocol = (typeof serviceProtocols)[number]
