import { z } from 'zod'
import { entryName } from '../config/entry-name.ts'
import { issuerEntry } from './issuers/issuer-entry.ts'
import { limitEntries } from './services/limit-entry.ts'
import { onOutage } from './services/on-outage.ts'
import { serviceEntry } from './services/service-entry.ts'

/**
 * Schema of policy.yaml, or of one file in a policy folder. The reference and the JSON Schema are generated from this
 * schema. The policy reloads as a whole, so this schema sets `reload` for all entries.
 */
export const policySchema = z
  .strictObject({
    version: z.literal(1).describe('Version of the policy format: 1.'),
    issuers: z.record(entryName, issuerEntry).prefault({}).describe('Trusted authorization servers, by name.'),
    limits: limitEntries.prefault([]).describe('Limits that all routes of the policy share.'),
    on_outage: onOutage.describe(
      'Behaviour of all routes while Redis or the issuer is unavailable. Keys in `on_outage` of a service or a route ' +
        'take precedence.',
    ),
    services: z.record(entryName, serviceEntry).prefault({}).describe('Protected services, by id.'),
  })
  .meta({ reload: 'live' })

export type PolicyDocument = z.output<typeof policySchema>
