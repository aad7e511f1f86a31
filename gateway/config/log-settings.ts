import { z } from 'zod'

/** Schema of the settings `log`: log lines of a node. */
export const logSettings = z
  .strictObject({
    format: z
      .enum(['json', 'pretty'])
      .prefault('json')
      .describe('Format of log lines on stdout. json: one object per line. pretty: for people. Default json.')
      .meta({ reload: 'restart' }),
    access: z
      .union([z.boolean(), z.literal('audit')], { error: 'must be true, false or audit' })
      .prefault(true)
      .describe(
        'Whether the node writes an access log line for each exchange, with the decision and its reason. The line ' +
          'never contains a token. audit: the line has the fields of the audit record, which is then formatted once ' +
          'for both logs; it contains queries and decision facts if audit records do. Default true.',
      )
      .meta({ reload: 'restart' }),
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .prefault('info')
      .describe('Minimum severity of log lines. The access log has its own setting. Default info.')
      .meta({ reload: 'restart' }),
  })
  .prefault({})
