import { z } from 'zod'
import { parseBlock } from '../base/address-blocks.ts'
import { forwardedMethods } from '../base/methods.ts'
import { parsed, sizeOrNone, text } from './parsed.ts'
import { requirementEntry } from './requirement-entry.ts'

const block = parsed('an address or a CIDR block such as 10.0.0.0/8, with no bits set behind the prefix', (written) =>
  parseBlock(written) === undefined ? undefined : written,
)

const addresses = z
  .strictObject({
    allow: z.array(block).min(1).optional().describe('Only clients from these blocks are admitted.'),
    deny: z
      .array(block)
      .min(1)
      .optional()
      .describe('Clients from these blocks are refused, also where allow names them.'),
  })
  .refine(({ allow, deny }) => allow !== undefined || deny !== undefined, { error: 'must have allow or deny' })

/** An entry under `routes` of a service: which requests, and what they must bring. */
export const routeEntry = z.strictObject({
  id: text('1 to 128 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,128}$/).describe(
    'Name of the route in logs and metrics. Unique in the policy.',
  ),
  match: z
    .strictObject({
      host: z
        .string()
        .max(255)
        .optional()
        .describe('Host in lower case, without a port; `*.example` is any one label before it. Default: every host.'),
      path: z
        .string()
        .max(2048)
        .describe(
          'Path in normal form. `*` is one whole segment, `**` zero or more, only last. Case and slashes count.',
        ),
      methods: z
        .array(z.enum(forwardedMethods))
        .min(1)
        .optional()
        .describe('Methods; GET includes HEAD. Default: every method that the gate forwards.'),
    })
    .describe('The most literal pattern wins. What no route matches is refused.'),
  require: requirementEntry.describe('What a request must bring. Only the word `public` lets everybody in.'),
  addresses: addresses.optional().describe('Client addresses that may use the route. Default: every address.'),
  body: z
    .strictObject({
      max: sizeOrNone({ min: '0B', max: '1024GiB' })
        .prefault('10MiB')
        .describe('Largest request body, in bytes. Default 10MiB; none: as large as the client likes. More gets 413.'),
    })
    .prefault({}),
})

export type RouteEntry = z.output<typeof routeEntry>
