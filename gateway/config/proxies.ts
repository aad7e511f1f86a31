import { z } from 'zod'
import { type AddressBlock, parseBlock } from '../base/address-blocks.ts'
import { InvalidText, parsedText } from './text-schemas.ts'

/** A proxy or load balancer that the gate trusts to state the address, scheme, host and certificate of a client. */
export interface TrustedProxy {
  readonly block: AddressBlock
  /**
   * `http`: the proxy parses requests and writes them again. `tcp`: the proxy only forwards bytes, so that a client
   * could send its own PROXY header inside the connection.
   */
  readonly mode: 'http' | 'tcp'
}

/** Schema of an IP address or CIDR block of peers that the gate trusts. */
export const trustedBlock = parsedText('an address or a CIDR block such as 10.1.0.0/16', (text) => {
  const read = parseBlock(text)
  return read?.bits === 0 ? new InvalidText('must not include all addresses: list the addresses of the proxies') : read
})

/**
 * Schema of the list of trusted proxies. Each entry is an address block, or an object that also states the proxy's
 * mode.
 */
export const trustedProxies = z
  .array(
    z.union([
      trustedBlock.transform((only): TrustedProxy => ({ block: only, mode: 'http' })),
      z
        .strictObject({
          address: trustedBlock.describe('Address or CIDR block of the proxy.').meta({ reload: 'restart' }),
          mode: z
            .enum(['http', 'tcp'])
            .prefault('http')
            .describe(
              'Protocol of the proxy. http: it parses and writes HTTP. tcp: it forwards bytes, so that a client could send a ' +
                'PROXY header later in a connection; each connection then carries only one exchange. Default http.',
            )
            .meta({ reload: 'restart' }),
        })
        .transform(({ address, mode }): TrustedProxy => ({ block: address, mode })),
    ]),
  )
  .min(1, { error: 'must not be empty; remove the key to trust no proxy' })
