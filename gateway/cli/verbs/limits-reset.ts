import { z } from 'zod'
import { AdminClient, adminFlag } from '../admin-client.ts'
import { limitExitCodes } from '../bucket-text.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** Flags that identify a rate limit window. Each flag becomes a member of the request body of the admin API call. */
const properties = {
  issuer: z.string().optional().register(flag, {
    value: 'url',
    help: 'issuer of the token; required if the limit counts by subject, client, session or claim',
  }),
  subject: z.string().optional().register(flag, { value: 'id', help: 'sub of the token whose window is reset' }),
  client: z.string().optional().register(flag, { value: 'id', help: 'client id of the token whose window is reset' }),
  session: z.string().optional().register(flag, {
    value: 'id',
    help: 'sid of the token whose window is reset; for a limit that counts by session',
  }),
  route: z.string().optional().register(flag, { value: 'id', help: 'id of the route whose window is reset' }),
  address: z.string().optional().register(flag, {
    value: 'address',
    help: 'client address whose window is reset; for IPv6, any address of the /64',
  }),
}

/** `gatehouse limits reset`: resets the count of one rate limit window. */
export const verb = defineVerb({
  description: 'Reset one rate limit window, named by every property that the limit counts by',
  arguments: { limit: z.string().register(flag, { help: 'name of the rate limit, as `limits list` prints it' }) },
  flags: {
    ...properties,
    claim: z
      .array(z.string())
      .default([])
      .register(flag, { value: 'name=value', help: 'claim of the token whose window is reset; can be repeated' }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse limits reset service/orders/all --address 203.0.113.7', does: 'the window of one address' },
    {
      run: 'gatehouse limits reset gate/tenants --issuer https://idp.example --claim tenant=acme',
      does: 'the window of a claim',
    },
  ],
  exitCodes: limitExitCodes,
  run: async ({ limit, claim, admin, ...given }, output) => {
    const names = Object.keys(properties) as (keyof typeof properties)[]
    const known = names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]] as const]))
    const claims = claim.length === 0 ? {} : { claims: Object.fromEntries(claim.map(parseClaim)) }
    const { document } = await AdminClient.from(admin).call('POST', '/api/v1/limits/reset', 'existed', {
      limit,
      ...Object.fromEntries(known),
      ...claims,
    })
    output.line(document['existed'] === true ? 'The window was reset.' : 'The window was already empty.')
    output.document(document)
  },
})

/**
 * Parses the flag `--claim name=value`. The value is parsed as JSON if possible, because `7` and `"7"` are different
 * claims; otherwise the value is a string.
 */
function parseClaim(written: string): [name: string, value: unknown] {
  const at = written.indexOf('=')
  if (at <= 0)
    throw new CliError(exitCodes.usage, 'GH_USAGE', '--claim must be name=value', 'such as --claim tenant=acme')
  const value = written.slice(at + 1)
  try {
    return [written.slice(0, at), JSON.parse(value) as unknown]
  } catch {
    return [written.slice(0, at), value]
  }
}
