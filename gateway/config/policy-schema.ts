import { z } from 'zod'
import { entryName } from './entry-name.ts'
import { issuerEntry } from './issuer-entry.ts'
import { limitEntries } from './limit-entry.ts'
import { serviceEntry } from './service-entry.ts'

/**
 * policy.yaml, or one file of a policy folder. Reference and JSON Schema are generated from this. The policy reloads as
 * a whole, so that `reload` stands here for every entry below.
 */
export const policySchema = z
  .strictObject({
    version: z.literal(1).describe('Version of this format: 1.'),
    issuers: z.record(entryName, issuerEntry).prefault({}).describe('Authorization servers that are trusted, by name.'),
    limits: limitEntries.prefault([]).describe('Limits that all routes of the policy share.'),
    services: z.record(entryName, serviceEntry).prefault({}).describe('Protected services, by id.'),
  })
  .meta({ reload: 'live' })

export type PolicyDocument = z.output<typeof policySchema>
