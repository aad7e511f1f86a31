import { denial } from '../base/denial.ts'

/** 503 for a credential that was valid when the request arrived: the client may try again, and learns more then. */
export const expiredWhileWaiting = denial('expired-while-waiting', { fields: [['retry-after', '1']] })
