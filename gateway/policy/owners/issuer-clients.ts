import { isDeepStrictEqual } from 'node:util'
import type { ServiceEntry } from '../services/service-entry.ts'

/** Client of the gate at an issuer, with which the gate requests tokens for a service. */
interface IssuerClient {
  /** Place of the credential below the service. */
  readonly place: string
  readonly issuer: string
  readonly client: string
  /** The whole credential. */
  readonly use: unknown
}

interface ForeignClient extends Omit<IssuerClient, 'use'> {
  /** Id of the service that has the client. */
  readonly other: string
}

/** Lists the clients in new or changed credentials of a service that are clients of other services. */
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
