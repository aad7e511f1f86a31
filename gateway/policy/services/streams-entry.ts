import { z } from 'zod'
import { duration, durationOrNone } from '../../config/text-schemas.ts'

/** `streams` of a route: its replies and uploads that continue after they were admitted. */
export const streamsEntry = z
  .strictObject({
    max_age: durationOrNone({ min: '1s', max: '30d' })
      .prefault('none')
      .describe(
        'Maximum time from the request to the end of its stream, or none (default). An event stream then ends, and its ' +
          'client reconnects; any other reply breaks.',
      ),
    hold: duration({ min: '1s', max: '10m' })
      .optional()
      .describe(
        'Maximum time for which a stream is held while the node cannot know whether it is still allowed. Default: the ' +
          'setting `streams.hold`.',
      ),
    end: z
      .enum(['end', 'keep'])
      .prefault('end')
      .describe(
        'end (default): a stream ends when what admitted it ends. keep: it continues after the revocation and the ' +
          'expiry of its token, and after changes of the policy; only max_age ends it. The status of the node lists ' +
          'keep as a relaxation.',
      ),
  })
  .prefault({})

export type StreamsEntry = z.output<typeof streamsEntry>
