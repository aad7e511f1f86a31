import { isDeepStrictEqual } from 'node:util'
import type { ServiceEntry } from '../services/service-entry.ts'

/** Credential with which the gate, as the client of an issuer, requests tokens for a service. */
interface IssuerClient {
  /** Place of the credential in the policy entry of the service. */
  readonly place: string
  readonly issuer: string
  readonly client: string
  /** The whole policy entry of the credential. */
  readonly use: unknown
}

interface ForeignClient extends Omit<IssuerClient, 'use'> {
  /** Id of the other service that already uses the client. */
  readonly other: string
}

/** Lists the new or changed credentials of a service whose client at an issuer another service uses. */
export function foreignClients(
  old: ServiceEntry | undefined,
  now: ServiceEntry,
  others: ReadonlyMap<string, ServiceEntry>,
): ForeignClient[] {
  const kept = old === undefined ? [] : issuerClients(old)
  const fresh = issuerClients(now).filter(
    ({ place, use }) => !kept.some((each) => each.place === place && isDeepStrictEqual(each.use, use)),
  )
  return fresh.flatMap(({ place, issuer, client }): ForeignClient[] => {
    for (const [other, service] of others) {
      const isClient = issuerClients(service).some((each) => each.issuer === issuer && each.client === client)
      if (isClient) return [{ place, issuer, client, other }]
    }
    return []
  })
}

function issuerClients({ credentials, routes }: ServiceEntry): IssuerClient[] {
  const all = [
    ['credentials', credentials] as const,
    ...routes.map((route) => [`routes[${route.id}].credentials`, route.credentials] as const),
  ]
  return all.flatMap(([place, use]): IssuerClient[] => {
    if (typeof use !== 'object' || !('client_id' in use)) return []
    return [{ place, issuer: use.issuer, client: use.client_id, use }]
  })
}
