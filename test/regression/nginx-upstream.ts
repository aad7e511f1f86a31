import { nginx as nginxProgram, type Startable } from '../../deploy/server-program.mjs'
import { freePort } from '../kit/ports.ts'
import { startProgram } from '../kit/server-program.ts'

/** The nginx program of this machine; `undefined` if nginx is not installed. */
export function nginxHere(): Startable | undefined {
  return nginxProgram.look()
}

/**
 * Configuration with which nginx replies with two lines: the raw target, and the path that nginx has decoded and
 * resolved.
 */
const targets = 'location / { return 200 "$request_uri\\n$uri"; }'

/**
 * Starts an nginx, which stops after the tests of the file.
 *
 * @param server  directives of the only `server` block; by default nginx replies with its reading of the request target
 * @param listening  parameters of its `listen` directive, such as `ssl`
 * @returns the port on which nginx listens
 */
export async function nginxUpstream(
  { command, env }: Startable,
  server: string = targets,
  listening = '',
): Promise<number> {
  const port = freePort()
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const config = (folder: string) => `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr crit;
     events {}
     http {
       access_log off; keepalive_requests 1000000; large_client_header_buffers 4 64k;
       ${folders.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
       server { listen 127.0.0.1:${port} ${listening}; ${server} }
     }`
  await startProgram({
    command,
    words: ['-p', '.', '-c', 'nginx.conf', '-e', 'stderr'],
    env,
    config: ['nginx.conf', config],
    port,
  })
  return port
}
