import { resourceMetadataUrl } from '../oauth/resource-metadata.ts'
import type { Exchange } from './exchange.ts'

/**
 * Where the metadata of the requested resource is. It names exactly the URL that the client asked for, since a client
 * must refuse the metadata of another resource (RFC 9728 §3.3).
 */
export function metadataUrlOf(x: Exchange): string {
  return resourceMetadataUrl(x.gate.publicUrls.forHost(x.authority), x.path)
}
