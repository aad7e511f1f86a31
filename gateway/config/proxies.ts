import { z } from 'zod'
import { type AddressBlock, parseBlock } from '../base/address-blocks.ts'
import { InvalidText, parsedText } from './text-schemas.ts'

/** A proxy or load balancer whose statements about clients are trusted. */
export interface TrustedProxy {
  readonly block: AddressBlock
  /**
   * `http`: the proxy parses and writes HTTP itself. `tcp`: it forwards bytes, so a client could send a PROXY header
   * within the connection.
   */
  readonly mode: 'http' | 'tcp'
}

/** A block of trusted peer addresses. */
export const trustedBlock = parsedText('an address or a CIDR block such as 10.1.0.0/16', (text) => {
  const read = parseBlock(text)
  return read?.bits === 0 ? new InvalidText('must not include all addresses: list the addresses of the proxies') : read
})

/** Schema of the trusted proxies: each a block, or an object that also states the protocol mode. */
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
