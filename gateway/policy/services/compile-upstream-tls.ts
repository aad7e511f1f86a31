import { resolve } from 'node:path'
import type { DocumentPath } from '../../config/problem.ts'
import type { UpstreamTls } from '../../upstream/tls/upstream-tls.ts'
import type { ReportProblem } from '../report-problem.ts'
import type { ServiceEntry } from './service-entry.ts'

/**
 * Compiles `upstream_tls` of a service. The files are not read here: the node reads them before it activates the
 * policy.
 *
 * @param folder  folder of the policy file, where relative paths start
 */
export function compileUpstreamTls(
  { upstreams, upstream_tls: entry }: Pick<ServiceEntry, 'upstreams' | 'upstream_tls'>,
  folder: string,
  at: DocumentPath,
  report: ReportProblem,
): UpstreamTls | undefined {
  if (entry === undefined) return undefined
  for (const { protocol, origin } of upstreams.map(({ url }) => url)) {
    if (protocol === 'https:') continue
    const message = `upstream_tls has no effect on upstream ${origin}, which the gate calls without TLS`
    report('GH_POLICY_UPSTREAM_TLS', message, at, 'change the upstream to https, or remove upstream_tls')
  }
  const { ca, certificate, key, server_name, min_version } = entry
  const file = (path: string | undefined): string | undefined => path && resolve(folder, path)
  return Object.freeze({
    caFile: file(ca),
    certFile: file(certificate),
    key: key && (key.env === undefined ? { file: resolve(folder, key.file!) } : { env: key.env }),
    serverName: server_name,
    minVersion: `TLSv${min_version}` as const,
  })
}
