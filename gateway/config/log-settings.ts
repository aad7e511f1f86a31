import { z } from 'zod'

/** `log`: log lines of a node. */
export const logSettings = z
  .strictObject({
    format: z
      .enum(['json', 'pretty'])
      .prefault('json')
      .describe('Form of log lines on stdout: `json`, one object a line (default), or `pretty` for people.')
      .meta({ reload: 'restart' }),
    access: z
      .boolean()
      .prefault(true)
      .describe('One line for each exchange, with the decision and its reason, never a token. Default true.')
      .meta({ reload: 'restart' }),
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .prefault('info')
      .describe('Least severe lines that are written; the access log has its own switch. Default info.')
      .meta({ reload: 'restart' }),
  })
  .prefault({})
