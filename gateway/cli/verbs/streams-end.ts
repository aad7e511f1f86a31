import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { CliError, exitCodes } from '../output.ts'
import { printAcknowledgements, type ReceiptDocument, revocationWaitFlags, storedText } from '../receipt-text.ts'
import { defineVerb, flag } from '../verb.ts'
import { waitMsOf, waitParameterOf } from '../wait-flag.ts'

interface StreamReceiptDocument extends ReceiptDocument {
  /** Nodes whose version cannot end streams. Absent in the reply of a node of an older version. */
  readonly unable?: readonly string[]
}

/** `gatehouse streams end`: ends streams on every node. Revokes nothing. */
export const verb = defineVerb({
  description: 'End streams on every node, without revoking anything: clients may connect again at once',
  flags: {
    subject: z.string().optional().register(flag, { value: 'id', help: 'all streams of this subject' }),
    issuer: z
      .string()
      .optional()
      .register(flag, { value: 'issuer', help: 'issuer of the subject; required if the policy has several issuers' }),
    session: z
      .string()
      .optional()
      .register(flag, { value: 'id', help: 'all streams of this login session, or of tokens with this sid' }),
    route: z.string().optional().register(flag, { value: 'id', help: 'all streams of the route with this id' }),
    id: z
      .string()
      .optional()
      .register(flag, { value: 'stream', help: 'one stream, by the id that `streams list` prints' }),
    reason: z.string().optional().register(flag, { value: 'text', help: 'reason for the log and the audit record' }),
    ...revocationWaitFlags,
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse streams end --subject alice --issuer main', does: 'the streams of a subject' },
    { run: 'gatehouse streams end --id 01K7V1S6X4QZ --reason "stuck"', does: 'one stream' },
  ],
  exitCodes: {
    [exitCodes.done]: 'every node has acknowledged: the streams have ended',
    [exitCodes.invalid]: 'refused: no stream was ended',
    ...adminUnreachable,
    [exitCodes.partly]:
      'some nodes have not acknowledged, and end the streams when they have contact to Redis again; or some nodes have an older version, and do not end them. Usual with --no-wait',
  },
  run: async ({ subject, session, route, id, issuer, reason, wait, admin }, output) => {
    const given = Object.entries({ subject, session, route, id }).filter(([, value]) => value !== undefined)
    if (given.length !== 1) {
      const message = 'give exactly one of --subject, --session, --route and --id'
      throw new CliError(exitCodes.usage, 'GH_USAGE', message, 'gatehouse streams end --help lists the flags')
    }
    const body = {
      ...Object.fromEntries(given),
      ...(issuer !== undefined && { issuer }),
      ...(reason !== undefined && { reason }),
    }
    const path = `/api/v1/streams/end?wait=${waitParameterOf(wait)}`
    const { document } = await AdminClient.from(admin).call('POST', path, 'receipt', body)
    const { receipt } = document as unknown as { receipt: StreamReceiptDocument }
    const { missing, unable = [] } = receipt
    printAcknowledgements(receipt, waitMsOf(wait) > 0, output)
    output.line(`Order ${receipt.id} at ${receipt.position}: ${storedText(receipt)}.`)
    if (unable.length > 0) {
      output.line(`Nodes of an older version, whose streams continue: ${unable.join(', ')}.`)
    }
    output.line(
      missing.length === 0
        ? `On every ${unable.length === 0 ? '' : 'other '}node, the selected streams have ended.`
        : `Nodes that acknowledged have ended the selected streams. Any other node ends them when it reads the order; without contact to Redis it holds streams from ${receipt.fenced_by}.`,
    )
    output.line('Nothing was revoked: clients may connect again. To keep a client out, use gatehouse revoke.')
    output.document(document)
    return missing.length + unable.length === 0 ? exitCodes.done : exitCodes.partly
  },
})
