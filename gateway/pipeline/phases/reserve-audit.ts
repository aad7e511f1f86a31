import { denial } from '../../base/denial.ts'
import type { Recorded, Sampled } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'

const unavailable = denial('audit-unavailable', { fields: [['retry-after', '1']] })

/**
 * Reserves space for the audit record, on routes that must not be used without a record (`audit: closed`). Synchronous.
 * Denies 503 when Redis and the node's disk accept no records and the memory buffer is full.
 */
export const reserveAudit = phase<Sampled, Recorded>()({
  name: 'reserve-audit',
  waits: false,
  denies: ['audit-unavailable'],
  run(x) {
    const { audit } = x.gate
    if (audit === undefined || x.route.audit.whenFull === 'open') return undefined
    if (!audit.reserve()) return unavailable
    x.auditReserved = true
    return undefined
  },
})
