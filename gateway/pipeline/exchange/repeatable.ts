import type { Exchange } from './exchange.ts'

/** Whether the service may receive the request twice: its method is one of `methods`, and it has no body. */
export function isRepeatable(x: Exchange, methods: ReadonlySet<string>): boolean {
  return methods.has(x.head.method) && hasNoBody(x) && !x.head.grpc && !x.downstream.bodyTouched
}

export function hasNoBody({ head }: Pick<Exchange, 'head'>): boolean {
  return !head.chunked && (head.contentLength ?? 0) === 0
}
