const grpc = /^application\/grpc(?:\+|[\t ]*(?:;|$))/i

/**
 * Whether a content type is the content type of gRPC. Use `head.grpc` to find out whether the request is a gRPC call:
 * `guard-request` decides this, and also examines the method and the HTTP version.
 */
export function isGrpcType(contentType: string): boolean {
  return grpc.test(contentType)
}
