import { nginx as nginxProgram, type Startable } from '../../deploy/server-program.mjs'
import { freePort } from '../kit/ports.ts'
import { startProgram } from '../kit/server-program.ts'

/** The nginx of this machine; `undefined` when there is none. */
export function nginxHere(): Startable | undefined {
  return nginxProgram.look()
}

/** Replies with two lines: `$request_uri`, the raw target, and `$uri`, decoded and resolved by nginx. */
const targets = 'location / { return 200 "$request_uri\\n$uri"; }'

/**
 * Starts an nginx that stops after the tests of the file.
 *
 * @param server  directives of its only server; default: it replies with its reading of the target
 * @returns the port that nginx listens on
 */
export async function nginxUpstream({ command, env }: Startable, server: string = targets): Promise<number> {
  const port = freePort()
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const config = (folder: string) => `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr crit;
     events {}
     http {
       access_log off; keepalive_requests 1000000; large_client_header_buffers 4 64k;
       ${folders.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
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
