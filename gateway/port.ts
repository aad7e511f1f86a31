import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Settings } from './config/settings.ts'

/**
 * Replaces port 0 by a free port. The port must be known before start, because the public URL and the assertions
 * contain it.
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
 * Returns a port on which nothing listens. A connection that was accepted on the port reserves it until this process
 * ends. Until then the system gives it to no process that asks for any free port. Listening on it by number is still
 * possible (SO_REUSEADDR).
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
