import { z } from 'zod'

const whenFull = z.enum(['open', 'closed'])

const mapping = z
  .strictObject({
    when_full: whenFull
      .optional()
      .describe(
        'Behaviour while neither Redis nor the disk of the node has space for another record. open: the exchange ' +
          'continues, and its record is lost and counted. closed: 503.',
      ),
    query: z
      .boolean()
      .optional()
      .describe('Whether records contain the query. Values of parameters that carry credentials are removed.'),
  })
  .refine((entry) => entry.when_full !== undefined || entry.query !== undefined, {
    error: 'must have when_full or query',
  })

export type AuditEntry = z.output<typeof mapping>

/** Schema of `audit` of a service or route: `open`, `closed`, or a mapping. */
export const auditEntry = z
  .union([whenFull, mapping])
  .transform((entry): AuditEntry => (typeof entry === 'string' ? { when_full: entry } : entry))

export interface AuditTerms {
  readonly when_full: 'open' | 'closed'
  readonly query: boolean
}

/** Compiles the audit settings of a route: its own values first, then the values of the service, then the defaults. */
export function auditTerms(service: AuditEntry = {}, route: AuditEntry = {}): AuditTerms {
  return {
    when_full: route.when_full ?? service.when_full ?? 'open',
    query: route.query ?? service.query ?? false,
  }
}
