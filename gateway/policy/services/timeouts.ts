import { z } from 'zod'
import { duration, durationOrNone } from '../../config/text-schemas.ts'

const connect = duration({ min: '10ms', max: '1m' })
const firstByte = duration({ min: '10ms', max: '1h' })
const idle = duration({ min: '10ms', max: '24h' })
const total = durationOrNone({ min: '10ms', max: '7d' })

/** Timeouts of requests to a service. */
export const serviceTimeouts = z
  .strictObject({
    connect: connect.prefault('2s').describe('Longest wait for a connection to an upstream. Default 2s, 10ms to 1m.'),
    first_byte: firstByte
      .prefault('30s')
      .describe('Longest wait for the head of the reply, once the request is sent. Default 30s, 10ms to 1h.'),
    idle: idle.prefault('60s').describe('Longest time without a byte of the reply. Default 60s, 10ms to 24h.'),
    total: total
      .prefault('none')
      .describe('Longest time for the whole exchange, or none (default), which streams need.'),
  })
  .prefault({})

/** Overrides for one route. `connect` cannot be overridden, because the routes of a service share its connections. */
export const routeTimeouts = z.strictObject({
  first_byte: firstByte.optional().describe('As first_byte of the service, for this route. Default: as there.'),
  idle: idle.optional().describe('As idle of the service, for this route. Default: as there.'),
  total: total.optional().describe('As total of the service, for this route. Default: as there.'),
})
