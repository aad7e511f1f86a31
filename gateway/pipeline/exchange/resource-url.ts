import { resourceMetadataUrl } from '../../oauth/resource-metadata.ts'
import type { Exchange } from './exchange.ts'

/**
 * Returns the URL of the protected resource metadata for the requested URL. The metadata must name exactly the
 * requested URL, because a client must reject the metadata of another resource (RFC 9728 §3.3).
 */
export function metadataUrlOf(x: Exchange): string {
  return resourceMetadataUrl(x.gate.publicUrls.forHost(x.authority), x.path)
}
