const grpc = /^application\/grpc(?:\+|[\t ]*(?:;|$))/i

/**
 * Whether a content type is that of gRPC. `guard-request` decides whether the request is a gRPC call, which `head.grpc`
 * then says.
 */
export function isGrpcType(contentType: string): boolean {
  return grpc.test(contentType)
}
