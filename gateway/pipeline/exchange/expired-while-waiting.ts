import { denial } from '../../base/denial.ts'

/** 503 for a credential that expired during a wait of the gate. The client may retry and then gets the exact error. */
export const expiredWhileWaitingDenial = denial('expired-while-waiting', { fields: [['retry-after', '1']] })
