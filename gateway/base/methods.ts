/** The methods that the gate forwards (RFC 9110 §9, RFC 5789). CONNECT and TRACE never are. */
export const forwardedMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

export type Method = (typeof forwardedMethods)[number]
