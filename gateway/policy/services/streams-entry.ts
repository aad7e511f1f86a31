import { z } from 'zod'
import { duration, durationOrNone } from '../../config/text-schemas.ts'

/** Schema of `streams` of a route: limits for replies, uploads and WebSockets after their admission. */
export const streamsEntry = z
  .strictObject({
    max: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe(
        'Maximum number of WebSockets and event streams of this route on one node; beyond it 503. Default: no limit.',
      ),
    max_per_subject: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe(
        'Maximum number of WebSockets and event streams of this route on one node for one subject of an issuer; beyond ' +
          'it 429. Default: no limit.',
      ),
    max_age: durationOrNone({ min: '1s', max: '30d' })
      .prefault('none')
      .describe(
        'Maximum time from the request to the end of its stream, or none (default). After it, an event stream ' +
          'ends regularly, so that its client reconnects; a gRPC call ends with DEADLINE_EXCEEDED; any other reply is cut ' +
          'off.',
      ),
    idle: durationOrNone({ min: '1s', max: '24h' })
      .prefault('none')
      .describe(
        'Maximum time without a message in either direction of a WebSocket, without a byte in either direction of a gRPC ' +
          'call, and without a byte of the service on an event stream, or none (default). After it, the gate closes the ' +
          'WebSocket with code 1001, ends the gRPC call with DEADLINE_EXCEEDED, and ends the event stream regularly. ' +
          'timeouts.idle applies to none of them. The gate finds a lost client of a WebSocket or gRPC call by pings; a ' +
          'lost client of a silent event stream is only found with idle.',
      ),
    hold: duration({ min: '1s', max: '10m' })
      .optional()
      .describe(
        'Maximum time for which a stream is held while the node cannot check whether it is still allowed. Default: the ' +
          'setting `streams.hold`.',
      ),
    end: z
      .enum(['end', 'keep'])
      .prefault('end')
      .describe(
        'Behaviour when the authorization of a stream ends: its token or session expires or is revoked, or a changed ' +
          'policy no longer admits it. end (default): the stream ends too. keep: the stream continues, and only ' +
          'max_age ends it. The status of the node lists keep as a relaxation.',
      ),
  })
  .prefault({})

export type StreamsEntry = z.output<typeof streamsEntry>
