import { z } from 'zod'
import { duration, size } from './text-schemas.ts'

/** Schema of the settings `streams`: WebSockets, event streams, long downloads and uploads in progress. */
export const streamsSettings = z
  .strictObject({
    max: z
      .int()
      .min(1)
      .max(1_000_000)
      .prefault(50_000)
      .describe(
        'Maximum number of WebSockets and event streams on the node. Default 50000, 1 to 1000000. Beyond it a new ' +
          'stream gets 503. Each needs two file descriptors.',
      )
      .meta({ reload: 'restart' }),
    max_per_address: z
      .int()
      .min(1)
      .max(1_000_000)
      .prefault(1000)
      .describe(
        'Maximum number of WebSockets and event streams on the node for one client address (IPv4 address or IPv6 ' +
          '/64). Default 1000, 1 ' +
          'to 1000000. Beyond it a new stream gets 429. Clients behind a proxy share its address unless `proxies` lists ' +
          'the proxy.',
      )
      .meta({ reload: 'restart' }),
    hold: duration({ min: '1s', max: '10m' })
      .prefault('30s')
      .describe(
        'Maximum time for which the node holds a stream while it cannot check whether the stream is still allowed. ' +
          'During this time it relays nothing; after this time the stream ends. Default 30s, 1s to 10m. `streams.hold` ' +
          'of a route overrides it.',
      )
      .meta({ reload: 'restart' }),
    max_message: size({ min: '1KiB', max: '64MiB' })
      .prefault('1MiB')
      .describe(
        'Maximum size of a WebSocket message. Default 1MiB, 1KiB to 64MiB. The listener closes the connection of a ' +
          'client that sends a larger message, without a close code. `websocket.max_message` of a route cannot exceed it.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ max, max_per_address, hold, max_message }) => ({
    max,
    maxPerAddress: max_per_address,
    holdMs: hold,
    maxMessageBytes: max_message,
  }))
  .prefault({})
