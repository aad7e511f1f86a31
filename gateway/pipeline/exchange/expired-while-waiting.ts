import { denial } from '../../base/denial.ts'

/**
 * Denial 503 for a credential that expired while the gate waited. The client can retry, and then gets the exact error.
 */
export const expiredWhileWaitingDenial = denial('expired-while-waiting', { fields: [['retry-after', '1']] })
