import { z } from 'zod'
import { CliError, exitCodes } from './output.ts'
import { flag } from './verb.ts'

/** Flags of the `sessions` verbs that select login sessions. Each flag is a parameter of the admin API. */
export const sessionFlags = {
  session: z.string().optional().register(flag, { value: 'id', help: 'only the session with this id' }),
  device: z.string().optional().register(flag, {
    value: 'id',
    help: 'all sessions of one person in browsers with the same User-Agent, by the device id that `sessions list` prints',
  }),
  subject: z
    .string()
    .optional()
    .register(flag, { value: 'id', help: 'all sessions of a person, by the sub of the ID token' }),
  issuer: z
    .string()
    .optional()
    .register(flag, { value: 'issuer', help: 'issuer of the subject; required if the policy has several issuers' }),
}

type SessionFlags = z.infer<z.ZodObject<typeof sessionFlags>>

/**
 * Returns the flags that select sessions as parameters of the admin API. The admin API validates the values.
 *
 * @param verb  last word of the verb, which the hint of an error contains
 */
export function selectedSessions(given: SessionFlags, verb: string): Readonly<Record<string, string>> {
  const { issuer, session, device, subject } = given
  const named = Object.entries({ session, device, subject }).filter(([, value]) => value !== undefined)
  if (named.length !== 1) {
    const message = 'give exactly one of --session, --device and --subject'
    throw new CliError(exitCodes.usage, 'GH_USAGE', message, `gatehouse sessions ${verb} --help lists the flags`)
  }
  return { ...(Object.fromEntries(named) as Record<string, string>), ...(issuer !== undefined && { issuer }) }
}
