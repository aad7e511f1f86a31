import type { DocumentPath } from '../../../config/problem.ts'
import { secretPlace } from '../../issuers/client-auth.ts'
import type { ServiceEntry } from '../service-entry.ts'
import type { CredentialContext } from './credential-kind.ts'
import { type CredentialEntry, compileCredential } from './credential-kinds.ts'
import type { ServiceCredential } from './service-credential.ts'

/** Compiled credentials of one service. */
export interface ServiceCredentials {
  /** Credential of the service on routes that do not set their own credential. */
  readonly own: ServiceCredential
  /** Credential of each route, in the order in which the policy lists the routes. */
  readonly ofRoutes: readonly ServiceCredential[]
  /**
   * Fields, in lower case, that the gate removes from requests of clients on every route of the service, because a
   * credential of the service uses them. `undefined` when the gate removes only the fields that it always removes.
   */
  readonly fields: ReadonlySet<string> | undefined
}

/** Credential fields that the gate removes from every request, whatever the service. */
const alwaysRemoved = new Set<string | undefined>([undefined, 'authorization', 'x-gatehouse-jwt-assertion'])

/** Compiles `credentials` of a service and of its routes. */
export function compileCredentials(
  id: string,
  { credentials, routes }: ServiceEntry,
  { issuers, folderOf, report }: Pick<CredentialContext, 'issuers' | 'folderOf' | 'report'>,
): ServiceCredentials {
  const compiled = (entry: CredentialEntry, path: DocumentPath) =>
    compileCredential(entry, {
      service: id,
      path,
      report,
      issuers,
      folderOf,
      placeOf: (reference) => secretPlace(reference, folderOf(path)),
    })
  const own = compiled(credentials, ['services', id, 'credentials'])
  const ofRoutes = routes.map((route, i) =>
    route.credentials === undefined ? own : compiled(route.credentials, ['services', id, 'routes', i, 'credentials']),
  )
  const fields = new Set([own, ...ofRoutes].flatMap(({ field }) => (alwaysRemoved.has(field) ? [] : [field!])))
  return { own, ofRoutes, fields: fields.size === 0 ? undefined : fields }
}
