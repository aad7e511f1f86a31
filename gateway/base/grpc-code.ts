/** Status codes of gRPC (https://grpc.io/docs/guides/status-codes/) that the gate itself uses. */
const grpcCode = {
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const

/**
 * gRPC status for a denial with an HTTP status. gRPC has a table for clients that get an HTTP status only; servers must
 * not use that table, and it would make every rate limit an outage.
 */
const codes: Readonly<Record<number, number>> = {
  400: grpcCode.invalidArgument,
  401: grpcCode.unauthenticated,
  403: grpcCode.permissionDenied,
  404: grpcCode.unimplemented,
  405: grpcCode.unimplemented,
  408: grpcCode.deadlineExceeded,
  411: grpcCode.invalidArgument,
  413: grpcCode.resourceExhausted,
  414: grpcCode.resourceExhausted,
  415: grpcCode.unimplemented,
  417: grpcCode.invalidArgument,
  421: grpcCode.unimplemented,
  429: grpcCode.resourceExhausted,
  431: grpcCode.resourceExhausted,
  501: grpcCode.unimplemented,
  502: grpcCode.unavailable,
  503: grpcCode.unavailable,
  504: grpcCode.deadlineExceeded,
}

/** Number of status codes of gRPC: 0 to 16. */
export const GRPC_CODES = 17

/** Matches a status code of gRPC in decimal digits. */
export const grpcStatusForm = /^(?:[0-9]|1[0-6])$/

/** Reads `grpc-status` as clients do: a value that is no status of gRPC counts as UNKNOWN. */
export function readGrpcCode(value: string): number {
  return grpcStatusForm.test(value) ? Number(value) : grpcCode.unknown
}

/**
 * Returns the status of gRPC for a reply of the gate that does not admit the call. A gRPC client cannot follow a
 * redirection to the login: it counts as 401.
 */
export function grpcCodeOf(status: number): number {
  return status < 400 ? grpcCode.unauthenticated : (codes[status] ?? grpcCode.unknown)
}
