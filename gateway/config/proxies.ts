import { z } from 'zod'
import { type AddressBlock, parseBlock } from '../base/address-blocks.ts'
import { parsed, Unfit } from './parsed.ts'

/** A proxy or balancer that is believed about clients. */
export interface TrustedProxy {
  readonly block: AddressBlock
  /** `http`: reads and writes HTTP itself. `tcp`: passes bytes on, so that a client could speak PROXY in mid-connection. */
  readonly mode: 'http' | 'tcp'
}

/** A block of peers that are believed. */
export const trustedBlock = parsed('an address or a CIDR block such as 10.1.0.0/16', (text) => {
  const read = parseBlock(text)
  return read?.bits === 0 ? new Unfit('would trust everybody: name the proxies') : read
})

/** Where listed proxies are: each a block, or an object that says how it speaks. */
export const trustedProxies = z
  .array(
    z.union([
      trustedBlock.transform((only): TrustedProxy => ({ block: only, mode: 'http' })),
      z
        .strictObject({
          address: trustedBlock.describe('The proxy: an address or a CIDR block.').meta({ reload: 'restart' }),
          mode: z
            .enum(['http', 'tcp'])
            .prefault('http')
            .describe(
              'How it speaks. `tcp` passes connections through, so that a client could send a PROXY frame of its own ' +
                'later on: each connection then carries one exchange. Default http.',
            )
            .meta({ reload: 'restart' }),
        })
        .transform(({ address, mode }): TrustedProxy => ({ block: address, mode })),
    ]),
  )
  .min(1, { error: 'must name a proxy; leave the key out to trust none' })
