import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { durableFlag, printReceipt, type ReceiptDocument, revocationWaitFlags } from '../receipt-text.ts'
import { selectedSessions, sessionFlags } from '../session-selection.ts'
import { defineVerb, flag } from '../verb.ts'
import { waitMsOf, waitParameterOf } from '../wait-flag.ts'

/** `gatehouse sessions end`: ends login sessions, so that every node rejects them. */
export const verb = defineVerb({
  description: 'End the login sessions of a person or a device, or a single session',
  flags: {
    ...sessionFlags,
    reason: z
      .string()
      .optional()
      .register(flag, { value: 'text', help: 'reason of the revocation, for the log and the audit record' }),
    ...revocationWaitFlags,
    durable: durableFlag,
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse sessions end --session 5b0c…', does: 'one session' },
    { run: 'gatehouse sessions end --subject alice --reason left', does: 'all sessions and current tokens of alice' },
  ],
  exitCodes: {
    [exitCodes.done]: 'every node has acknowledged',
    [exitCodes.invalid]: 'refused, or the device has no session',
    ...adminUnreachable,
    [exitCodes.partly]:
      'ended, but some nodes have not acknowledged; they stop admitting at fenced_by at the latest. Usual with --no-wait',
  },
  run: async (given, output) => {
    const { reason, wait, durable } = given
    const body = { ...selectedSessions(given, 'end'), ...(reason !== undefined && { reason }) }
    const query = `wait=${waitParameterOf(wait)}&durable=${durable ? 1 : 0}`
    const admin = AdminClient.from(given.admin)
    const { document } = await admin.call('POST', `/api/v1/sessions/end?${query}`, 'receipt', body)
    const { ended, receipt } = document as unknown as { ended: readonly string[]; receipt: ReceiptDocument }
    printReceipt(receipt, waitMsOf(wait) > 0, output)
    if (ended.length === 0 && given.session !== undefined) {
      output.line('Redis has no record of this session. Its id was revoked nevertheless.')
    } else output.line(ended.length === 1 ? 'One session was ended.' : `${ended.length} sessions were ended.`)
    output.document(document)
    return receipt.missing.length === 0 ? exitCodes.done : exitCodes.partly
  },
})
