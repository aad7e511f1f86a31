import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Settings } from './config/settings.ts'

/**
 * Replaces port 0 by a free port. The port must be known before the node starts, because the public URL and the
 * assertions contain it.
 */
export async function withPort(settings: Settings): Promise<Settings> {
  const { listen, publicUrls } = settings
  if (listen.port !== 0) return settings
  const port = await freePort(listen.host)
  return {
    ...settings,
    listen: { ...listen, port },
    publicUrls: publicUrls.map((url) => url.replace(/:0$/, `:${port}`)),
  }
}

/**
 * Returns a port on which nothing listens. A connection that was accepted on the port reserves the port until this
 * process ends. Until then the system assigns the port to no process that requests any free port. A process can still
 * listen on the port by its number (SO_REUSEADDR).
 */
export async function freePort(host: string | undefined): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const ours = connect({ port, ...(host !== undefined && { host }) })
  await once(ours, 'connect')
  const [theirs] = await accepted
  for (const socket of [ours, theirs]) socket.unref()
  server.close()
  return port
}
