import type { IncomingMessage } from 'node:http'
import type { ListenAddress } from '../config/listen-address.ts'
import { type OwnReply, PlainServer, textReply } from '../probes/plain-server.ts'
import type { AdminApi } from './admin-api.ts'
import { ConsoleFiles } from './console-files.ts'
import type { ConsoleEndpoints } from './login/console-endpoints.ts'
import { isOwnHost } from './own-host.ts'
import { answerProbe, type ProbeSources } from './probes.ts'

export interface AdminListenOptions {
  readonly listen: ListenAddress
  /** Host names, besides the loopback names, under which the admin listener accepts requests. */
  readonly hosts: readonly string[]
}

/** Everything that the admin listener serves. */
export interface AdminHandlers {
  readonly probes: ProbeSources
  readonly api: AdminApi
  readonly console: Pick<ConsoleEndpoints, 'answer'>
}

/**
 * Opens the listener of the admin API, the console, probes and metrics. All but the API are open to every client; the API
 * requires a token, or a session of the console. The files of the console contain no data.
 */
export function listenAdmin(
  { probes, api, console }: AdminHandlers,
  options: AdminListenOptions,
): Promise<PlainServer> {
  const hosts = new Set(options.hosts.map((host) => host.toLowerCase()))
  const files = new ConsoleFiles()
  const own: OwnReply = { send: (request, response) => api.serve(request, response) }
  return PlainServer.listen('admin.listen', options.listen, (request: IncomingMessage) => {
    if (!isOwnHost(request.headers.host ?? '', hosts)) return textReply(421, 'misdirected request')
    const known = answerProbe(probes, request) ?? console.answer(request)
    if (known !== undefined) return known
    return api.serves(request) ? own : (files.reply(request) ?? textReply(404, 'not found'))
  })
}

/**
 * Opens a listener for probes and metrics only. The listener accepts any Host, because no operation of the listener
 * changes state.
 */
export function listenProbes(sources: ProbeSources, listen: ListenAddress): Promise<PlainServer> {
  return PlainServer.listen(
    'probes.listen',
    listen,
    (request) => answerProbe(sources, request) ?? textReply(404, 'not found'),
  )
}
