import { type AddressInfo, createServer } from 'node:net'
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

async function freePort(host: string | undefined): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
