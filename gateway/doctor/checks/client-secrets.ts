import { AuthenticatedEndpoint } from '../../issuers/authenticated-endpoint.ts'
import { ClientAuthentication } from '../../issuers/client-credentials.ts'
import { rechecks } from '../../issuers/question-queue.ts'
import type { ClientAuth, IssuerRules } from '../../oauth/token-facts.ts'
import type { DoctorCheck, DoctorTask, Examined } from '../doctor-check.ts'
import { failedCheck, type Outcome, ok, unknown } from '../finding.ts'
import { introspectionTask } from '../introspection-task.ts'
import { issuersIn } from '../issuers-in.ts'

const TIMEOUT_MS = 4000

/** An OAuth client by which the gate authenticates at the token endpoint of an issuer. */
interface GateClient {
  readonly rules: IssuerRules
  readonly clientId: string
  readonly auth: ClientAuth
  /** Path of the client's entry in the policy. */
  readonly path: readonly (string | number)[]
}

/**
 * Checks that each issuer accepts the credentials of the gate. Introspection: one introspection request about an unknown
 * token. Other clients: one token request with a code that no issuer has issued.
 * An issuer checks the client first (RFC 6749 §5.2): `invalid_client` means that it refuses the client, and
 * `invalid_grant` that it refuses only the code.
 */
export const clientSecrets: DoctorCheck = {
  name: 'client-secret',
  remedy: 'check the token endpoint of the issuer, and the way from this machine to it',
  tasks: (examined) => [
    ...clientsOf(examined).map((client) => taskOf(client, examined)),
    ...issuersIn(examined.snapshot)
      .filter(({ introspection }) => introspection !== undefined)
      .map((rules) => introspectionTask(rules, examined)),
  ],
}

function clientsOf({ snapshot }: Examined): GateClient[] {
  const ofIssuers = issuersIn(snapshot).flatMap((rules): GateClient[] => {
    const { login, name } = rules
    return login === undefined
      ? []
      : [{ rules, clientId: login.clientId, auth: login.auth, path: ['issuers', name, 'login'] }]
  })
  const credentials = new Set(snapshot?.routes.map(({ credential }) => credential))
  const ofServices = [...credentials].flatMap(({ grant, exchange }): GateClient[] => [
    ...(grant === undefined ? [] : [grant]),
    ...(exchange === undefined ? [] : [{ ...exchange, rules: exchange.issuer }]),
  ])
  return [...ofIssuers, ...ofServices]
}

function taskOf(client: GateClient, { issuers, secrets }: Examined): DoctorTask {
  const { rules, clientId, auth, path } = client
  return {
    subject: path.join('.'),
    async run() {
      const place = { path, usedBy: `doctor, for ${path.join('.')}` }
      const authentication = new ClientAuthentication(auth, place, secrets)
      const endpoint = new AuthenticatedEndpoint({
        client: issuers,
        rules,
        clientId,
        authentication,
        timeoutMs: TIMEOUT_MS,
      })
      try {
        const form = {
          grant_type: 'authorization_code',
          code: 'gatehouse-doctor',
          redirect_uri: 'https://gatehouse.invalid/',
        }
        const grant = await endpoint.request(form, rechecks)
        return 'error' in grant
          ? outcomeOf(grant.error, client)
          : unknown(
              'the issuer accepted a code that it cannot have issued',
              'check the issuer: it must refuse unknown codes',
            )
      } finally {
        await endpoint.close()
      }
    },
  }
}

function outcomeOf(error: string, { rules, clientId, auth, path }: GateClient): Outcome {
  const at = path.join('.')
  switch (error) {
    case 'invalid_grant':
      return auth.method === 'none'
        ? ok(`client ${clientId} is known; it has no secret`)
        : ok(`client ${clientId} is authenticated (${auth.method})`)
    case 'invalid_client':
    case 'status 401':
      return failedCheck(
        `issuer ${rules.name} refuses client ${clientId} (${error})`,
        `compare client_id, client_auth and the client secret, key or certificate at ${at} with the client at the issuer`,
      )
    case 'unauthorized_client':
      // Report `unauthorized_client` by use: the issuer has authenticated the client, which may not use this grant (RFC
      // 6749 §5.2).
      if (path.at(-1) === 'login') {
        return failedCheck(
          `client ${clientId} may not use authorization codes (unauthorized_client)`,
          `allow client ${clientId} the authorization code flow at the issuer`,
        )
      }
      return ok(`client ${clientId} is authenticated (${auth.method})`)
    default:
      return unknown(
        `the issuer replied ${error} to a token request, which does not say whether it accepts client ${clientId}`,
        `look for the request of client ${clientId} in the log of the issuer`,
      )
  }
}
