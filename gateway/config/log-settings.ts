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
      .boolean()
      .prefault(true)
      .describe('Writes one line per exchange, with the decision and its reason, never with a token. Default true.')
      .meta({ reload: 'restart' }),
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .prefault('info')
      .describe('Minimum severity of log lines. The access log has its own setting. Default info.')
      .meta({ reload: 'restart' }),
  })
  .prefault({})
