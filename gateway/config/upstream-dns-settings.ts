import { z } from 'zod'
import { parseAddress } from '../base/addresses.ts'
import { duration, parsedText } from './text-schemas.ts'

const form = 'an address, address:port or [address]:port'
const shape = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::([1-9][0-9]{0,4}))?$/

const nameServer = parsedText(form, (text) => {
  if (parseAddress(text) !== undefined) return text
  const [, bracketed, plain, port = '53'] = shape.exec(text) ?? []
  const address = parseAddress(bracketed ?? plain ?? '')
  const isValid = address !== undefined && (bracketed === undefined) === (address.length === 4)
  return isValid && Number(port) <= 65_535 ? text : undefined
})

/** Schema of the settings `upstream_dns`: how a node looks up the names of upstreams. */
export const upstreamDnsSettings = z
  .strictObject({
    refresh: duration({ min: '1s', max: '1h' })
      .prefault('5s')
      .describe(
        'Time between two lookups of a name by the operating system, which does not report the TTL; up to 20 % longer. ' +
          'Longest pause after failed lookups. Default 5s, 1s to 1h.',
      )
      .meta({ reload: 'restart' }),
    servers: z
      .array(nameServer)
      .max(8)
      .prefault([])
      .describe(
        'Name servers that the node asks for names with a dot: addresses, with a port if it is not 53, up to 8. The next ' +
          'one is asked when one does not reply. Names are looked up again at their TTL, 1s to 1h; /etc/hosts and search ' +
          'domains do not apply. Replies are not authenticated, so the way to the servers must be trusted; upstreams with ' +
          'https are still verified by their certificates. Default []: the operating system looks up all names.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ refresh, servers }) => ({ refreshMs: refresh, servers }))
  .prefault({})
  .describe('Lookups of the names of upstreams. docs/guide/upstreams.md explains them.')
