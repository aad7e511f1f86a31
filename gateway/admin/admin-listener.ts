import type { IncomingMessage } from 'node:http'
import type { ListenAddress } from '../config/listener.ts'
import { PlainServer, textReply } from '../probes/plain-server.ts'
import type { AdminApi } from './admin-api.ts'
import { isOwnHost } from './own-host.ts'
import { answerProbe, type ProbeSources } from './probes.ts'

export interface AdminListenOptions {
  readonly listen: ListenAddress
  /** Hosts beside the loopback ones under which the listener may be addressed. */
  readonly hosts: readonly string[]
}

/** The admin plane: probes and metrics for everybody who reaches it, the API for those with a token. */
export function listenAdmin(sources: ProbeSources, api: AdminApi, options: AdminListenOptions): Promise<PlainServer> {
  const hosts = new Set(options.hosts.map((host) => host.toLowerCase()))
  return PlainServer.listen('admin.listen', options.listen, (request: IncomingMessage) => {
    if (!isOwnHost(request.headers.host ?? '', hosts)) return textReply(421, 'misdirected request')
    const known = answerProbe(sources, request)
    if (known !== undefined) return known
    return api.serves(request) ? api.answer(request) : textReply(404, 'not found')
  })
}

/** Probes and metrics alone, under any Host: nothing here can be told to do anything. */
export function listenProbes(sources: ProbeSources, listen: ListenAddress): Promise<PlainServer> {
  return PlainServer.listen(
    'probes.listen',
    listen,
    (request) => answerProbe(sources, request) ?? textReply(404, 'not found'),
  )
}
