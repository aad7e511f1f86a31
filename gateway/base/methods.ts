/** Methods that the gate forwards (RFC 9110 §9, RFC 5789). CONNECT and TRACE are never forwarded. */
export const forwardedMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/**
 * Adds HEAD where GET is listed. A client that is allowed to use GET is also allowed to use HEAD, because HEAD is GET
 * without the body (RFC 9110 §9.3.2).
 */
export function withHead(methods: readonly string[]): ReadonlySet<string> {
  return new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))
}

/** Methods without an effect on the service (RFC 9110 §9.2.1). @bound code */
export const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

export type Method = (typeof forwardedMethods)[number]
