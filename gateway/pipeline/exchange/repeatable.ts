import type { Exchange } from './exchange.ts'

/** Methods without an effect on the service (RFC 9110 §9.2.1). @bound code */
export const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether the service may receive the request twice: its method is one of `methods`, and it has no body. */
export function isRepeatable({ head, downstream }: Exchange, methods: ReadonlySet<string>): boolean {
  return methods.has(head.method) && hasNoBody({ head }) && !head.grpc && !downstream.bodyTouched
}

export function hasNoBody({ head }: Pick<Exchange, 'head'>): boolean {
  return !head.chunked && (head.contentLength ?? 0) === 0
}
