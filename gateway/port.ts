import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Settings } from './config/settings.ts'

/** Port 0 is any free one: found now, since the public URL and with it the assertions name it. */
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
 * A port on which nothing listens. A connection that came in on it keeps it, until this process ends, from all others who
 * take any free one, and is not in the way of who listens on it by its number (SO_REUSEADDR).
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
