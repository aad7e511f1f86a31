import { z } from 'zod'
import { duration, durationOrNone } from '../../config/text-schemas.ts'

const connect = duration({ min: '10ms', max: '1m' })
const firstByte = duration({ min: '10ms', max: '1h' })
const idle = duration({ min: '10ms', max: '24h' })
const total = durationOrNone({ min: '10ms', max: '7d' })

/** Schema of `timeouts` of a service. */
export const serviceTimeouts = z
  .strictObject({
    connect: connect.prefault('2s').describe('Maximum wait for a connection to an upstream. Default 2s, 10ms to 1m.'),
    first_byte: firstByte
      .prefault('30s')
      .describe(
        'Maximum wait for the response head after the request is sent. Default 30s, 10ms to 1h. Does not apply to gRPC ' +
          'calls, which may wait for their first message.',
      ),
    idle: idle
      .prefault('60s')
      .describe(
        'Maximum time between two bytes of a response. Default 60s, 10ms to 24h. To event streams and gRPC calls, ' +
          'streams.idle of the route applies instead.',
      ),
    total: total
      .prefault('none')
      .describe(
        'Maximum time for the whole exchange, or none (default). Event streams have `streams.max_age` of the route ' +
          'instead. A gRPC call ends at the earlier of total and its grpc-timeout.',
      ),
  })
  .prefault({})

/**
 * Schema of `timeouts` of a route, which override those of the service. `connect` cannot be overridden, because the
 * routes of a service share its connections.
 */
export const routeTimeouts = z.strictObject({
  first_byte: firstByte.optional().describe('Overrides first_byte of the service. Default: the value of the service.'),
  idle: idle.optional().describe('Overrides idle of the service. Default: the value of the service.'),
  total: total.optional().describe('Overrides total of the service. Default: the value of the service.'),
})
