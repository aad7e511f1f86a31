import { Readable } from 'node:stream'
import type { Trailers } from '../target.ts'

/** Path of the method `Check` of the gRPC health checking protocol. */
export const GRPC_HEALTH_PATH = '/grpc.health.v1.Health/Check'

/** `HealthCheckRequest` without a service name, which asks for the whole server: one message of no bytes. */
const request = Buffer.alloc(5)
/** `HealthCheckResponse` with the status SERVING: one uncompressed message, whose field 1 is 1. */
const serving = Buffer.from([0, 0, 0, 0, 2, 8, 1])

export const grpcHealthFields: readonly string[] = [
  'content-type',
  'application/grpc',
  'te',
  'trailers',
  'content-length',
  String(request.length),
]

export function grpcHealthBody(): Readable {
  return Readable.from([request], { objectMode: false })
}

/**
 * Checks the reply to a gRPC health check. Returns the reason why the check has failed; `undefined` when the reply has
 * the status SERVING.
 *
 * @param body  first bytes of the reply
 */
export function notServing(body: Buffer, trailers: Trailers | undefined): string | undefined {
  const at = trailers?.findIndex((name, i) => i % 2 === 0 && name === 'grpc-status') ?? -1
  const code = at < 0 ? undefined : trailers![at + 1]
  if (code !== undefined && code !== '0') return `gRPC status ${/^\d{1,2}$/.test(code) ? code : 'unknown'}, expected 0`
  if (code === undefined) return 'no gRPC message, expected the reply of grpc.health.v1.Health/Check'
  return body.equals(serving) ? undefined : 'the service is not SERVING'
}
