import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { type ExchangeDocument, exchangeLines } from '../exchange-text.ts'
import { exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse exchange`: shows one exchange by its request id, with what to do first. */
export const verb = defineVerb({
  description: 'Show why one request was decided as it was, what to do first, its phases and its audit records',
  arguments: {
    id: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,128}$/, 'Expected a request id: at most 128 letters, digits, ., _ and -.')
      .register(flag, { help: 'request id, as in X-Request-Id, the access log and error replies' }),
  },
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse exchange 01K7V1S6X4QZ', does: 'the request with this id, among the newest audit records' },
    { run: 'gatehouse exchange 01K7V1S6X4QZ --output json', does: 'its records with their places in the sealed chain' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, missing scope, unknown request id, or a node without a cluster',
    ...adminUnreachable,
  },
  run: async ({ id, admin }, output) => {
    const { document } = await AdminClient.from(admin).call('GET', `/api/v1/exchanges/${id}`, 'records')
    for (const line of exchangeLines(document as unknown as ExchangeDocument)) output.line(line)
    output.document(document)
  },
})
