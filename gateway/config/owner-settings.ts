import { z } from 'zod'
import { entryName } from './entry-name.ts'
import { parsedText, text } from './text-schemas.ts'
import { readOrigin } from './web-url.ts'

const host = text(
  'a host in lower case such as shop.example, *. and a host, or * for every host',
  /^(?:\*|(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]{0,253}[a-z0-9_])?|\[[0-9a-f:.]+\])$/,
)
const path = text(
  'a path pattern such as /orders/**, with * as a whole segment and ** as the last one',
  /^(?=\/)(?:\/(?:\*|[^*/\s]+))*(?:\/|\/\*\*)?$/,
)

const secret = z
  .strictObject({
    env: z.string().min(1).optional().describe('Name of an environment variable.').meta({ reload: 'restart' }),
    file: z
      .string()
      .min(1)
      .optional()
      .describe('Path of a file, exactly as the policy writes it.')
      .meta({ reload: 'restart' }),
    directory: z
      .string()
      .min(1)
      .optional()
      .describe('Path of a folder, exactly as the policy writes it.')
      .meta({ reload: 'restart' }),
  })
  .refine((reference) => Object.values(reference).filter((value) => value !== undefined).length === 1, {
    error: 'must be one of { env: NAME }, { file: PATH } and { directory: PATH }',
  })

const grant = z.strictObject({
  hosts: z
    .array(host)
    .min(1)
    .describe(
      'Hosts of the routes that the owner may write: shop.example, *.shop.example for exactly one label, or * for every host ' +
        'and for routes without a host.',
    )
    .meta({ reload: 'restart' }),
  paths: z
    .array(path)
    .min(1)
    .describe('Path patterns within which the paths of these routes must be, such as /orders/**.')
    .meta({ reload: 'restart' }),
  upstreams: z
    .array(parsedText('an http or https origin such as http://orders-1:8080', readOrigin))
    .prefault([])
    .describe('Origins that the owner may add to `upstreams` of the service. Default []: none.')
    .meta({ reload: 'restart' }),
  secrets: z
    .array(secret)
    .prefault([])
    .describe(
      'Secrets and files that the owner may refer to, as the policy writes them. The service receives them, so never list ' +
        'the keys of the gate. Default []: none.',
    )
    .meta({ reload: 'restart' }),
})

/** Schema of `policy.owners`: what the owner of each service may change in the policy of this service. */
export const ownerSettings = z
  .record(entryName, grant)
  .prefault({})
  .describe(
    'With `source: cluster`: owners of services. A token with the scope gatehouse:policy:SERVICE may change this service ' +
      'alone, within the hosts, paths, upstreams and secrets of its entry. Default {}: only gatehouse:policy changes the ' +
      'policy.',
  )
  .meta({ reload: 'restart' })

/** Rights of the owner of a service: which parts of the service the owner may change. */
export type OwnerGrant = z.output<typeof grant>
