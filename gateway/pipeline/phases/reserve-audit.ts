import { denial } from '../../base/denial.ts'
import type { Recorded, Sampled } from '../exchange.ts'
import type { Phase } from '../phase.ts'

const unavailable = denial('audit-unavailable', { fields: [['retry-after', '1']] })

/**
 * Keeps room for the record of the exchange, where the route must not be used without one (`audit: closed`). Denies 503
 * when there is none: neither Redis nor the disk of the node takes records, and its memory is full of them. Synchronous.
 */
export const reserveAudit: Phase<Sampled, Recorded> = {
  name: 'reserve-audit',
  waits: false,
  run(x) {
    const { audit } = x.gate
    if (audit === undefined || x.route.audit.whenFull === 'open') return undefined
    if (!audit.reserve()) return unavailable
    x.auditReserved = true
    return undefined
  },
}
