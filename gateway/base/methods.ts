/** Methods that the gate forwards (RFC 9110 §9, RFC 5789). CONNECT and TRACE are never forwarded. */
export const forwardedMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** RFC 9110 §9.3.2: HEAD is GET without the body, so a client that may use GET may also use HEAD. */
export function withHead(methods: readonly string[]): ReadonlySet<string> {
  return new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))
}

export type Method = (typeof forwardedMethods)[number]
