import { nginx as nginxProgram, type Startable } from '../../deploy/server-program.mjs'
import { freePort } from '../kit/ports.ts'
import { startProgram } from '../kit/server-program.ts'

/** What this machine can run; `undefined` where it has no nginx. */
export function nginxHere(): Startable | undefined {
  return nginxProgram.look()
}

/** Tells in two lines how nginx reads a target: `$request_uri`, as it came, and `$uri`, decoded and resolved. */
const targets = 'location / { return 200 "$request_uri\\n$uri"; }'

/**
 * Starts an nginx, which stops when the file's tests are over.
 *
 * @param server  directives of its only server; left out: it tells how it reads a target
 * @returns its port
 */
export async function nginxUpstream({ command, env }: Startable, server: string = targets): Promise<number> {
  const port = freePort()
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const config = (folder: string) => `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr crit;
     events {}
     http {
       access_log off; keepalive_requests 1000000; large_client_header_buffers 4 64k;
       ${places.map((place) => `${place}_temp_path ${folder}/${place};`).join(' ')}
       server { listen 127.0.0.1:${port}; ${server} }
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
