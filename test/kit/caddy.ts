import { freePort } from './ports.ts'
import { startProgram } from './server-program.ts'

/**
 * Starts Caddy with one site. Caddy stops after the last test of the test file.
 *
 * @param site  returns the site block of the Caddyfile for a port
 * @returns the port
 */
export async function startCaddy(command: string, site: (port: number) => string): Promise<number> {
  const port = freePort()
  const text = `{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}\n${site(port)}`
  const words = ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile']
  await startProgram({ command, words, config: ['Caddyfile', () => text], port })
  return port
}
