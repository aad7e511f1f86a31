import { z } from 'zod'
import { forwardedMethods } from '../../base/methods.ts'
import { duration, text } from '../../config/text-schemas.ts'
import { pageOrigin } from './page-origin.ts'

/**
 * Schema of a field name (RFC 9110 §5.6.2) without `*`. In requests with credentials, `*` is an ordinary name, not a
 * wildcard.
 */
const pageField = text('the name of a field', /^[!#$%&'+.^_`|~0-9A-Za-z-]{1,128}$/)

/**
 * Schema of `cors`: the origins whose pages can read replies, and the requests that these pages can send (Fetch §3.2).
 */
export const corsEntry = z.strictObject({
  origins: z
    .array(pageOrigin)
    .describe(
      'Exact origins whose pages may read responses. An empty list on a route allows no origin, even if the service ' +
        'allows some.',
    ),
  methods: z
    .array(z.enum(forwardedMethods))
    .min(1)
    .optional()
    .describe('Methods that a preflight may request, among those that the route matches. Default: all of them.'),
  headers: z
    .array(pageField)
    .prefault(['authorization', 'content-type'])
    .describe('Request fields that pages may set. Default: authorization, content-type.'),
  expose: z
    .array(pageField)
    .prefault([])
    .describe('Response fields that pages may read, in addition to the fields in which the gate explains a rejection.'),
  credentials: z
    .boolean()
    .prefault(false)
    .describe('Whether pages may send the cookies of their user, and so act for that user. Default false.'),
  max_age: duration({ min: '0s', max: '24h' })
    .prefault('10m')
    .describe('Time for which browsers may cache a preflight response. Default 10m.'),
})

export type CorsEntry = z.output<typeof corsEntry>
