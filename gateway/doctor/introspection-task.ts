import { GatewayFault } from '../base/fault.ts'
import { Introspector } from '../issuers/introspector.ts'
import { IssuerKeys } from '../issuers/issuer-keys.ts'
import { rechecks } from '../issuers/question-queue.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { DoctorTask, Examined } from './doctor-check.ts'
import { failedCheck, type Outcome, ok, unknown } from './finding.ts'

/** A token that no issuer has issued. */
const TOKEN = 'gatehouse-doctor'

/**
 * Checks that an issuer accepts the gate's client for introspection: one introspection request about an unknown token.
 * A token request would not do: such a client may often use no grant, and the error then says nothing about its secret.
 *
 * @param rules  rules of an issuer that has `introspection` settings
 */
export function introspectionTask(rules: IssuerRules, { issuers, secrets }: Examined): DoctorTask {
  return {
    subject: `issuers.${rules.name}.introspection`,
    async run() {
      const keys = new IssuerKeys({ log: () => {} })
      try {
        const introspector = new Introspector(rules, { client: issuers, keys, secrets, log: () => {} })
        return await outcomeFrom(introspector, rules).finally(() => introspector.close())
      } finally {
        await keys.close()
      }
    },
  }
}

async function outcomeFrom(introspector: Introspector, rules: IssuerRules): Promise<Outcome> {
  try {
    await introspector.ask(TOKEN, rechecks)
    const { clientId, auth } = rules.introspection!
    return ok(`client ${clientId} is authenticated (${auth.method})`)
  } catch (error) {
    if (!(error instanceof GatewayFault)) throw error
    return outcomeOf(error.message, rules)
  }
}

function outcomeOf(message: string, { name, introspection }: IssuerRules): Outcome {
  const { clientId } = introspection!
  if (/ status 401|, invalid_client/.test(message)) {
    return failedCheck(
      `issuer ${name} refuses client ${clientId}: ${message}`,
      `compare client_id, client_auth and the client secret, key or certificate at issuers.${name}.introspection with the client at the issuer`,
    )
  }
  // Report a reply with status 400 as unknown: some issuers send it for a token that they cannot parse, whatever the
  // client.
  if (/ status 400/.test(message)) {
    return unknown(
      `${message}; the reply does not say whether the issuer accepts client ${clientId}`,
      `look for the request of client ${clientId} in the log of the issuer`,
    )
  }
  return failedCheck(message, `check issuers.${name}.introspection in the policy, and the issuer`)
}
