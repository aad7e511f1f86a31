import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from '../../deploy/guard.ts'
import { nginx as nginxProgram, type Startable } from '../../deploy/server-program.mjs'
import { atEnd } from '../kit/cleanup.ts'
import { freePort } from '../kit/ports.ts'
import { connect } from '../kit/raw-client.ts'

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
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-nginx-'))
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (one) => `${one}_temp_path ${folder}/${one};`,
  )
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr crit;
     events {}
     http {
       access_log off; keepalive_requests 1000000; large_client_header_buffers 4 64k; ${temporary.join(' ')}
       server { listen 127.0.0.1:${port}; ${server} }
     }`,
  )
  const nginx = spawn(command, ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  })
  const letGo = guard(nginx.pid!)
  const exited = once(nginx, 'exit').finally(letGo)
  atEnd(async () => {
    nginx.kill('SIGTERM')
    await exited
    rmSync(folder, { recursive: true, force: true })
  })
  for (const deadline = performance.now() + 10_000; ; ) {
    try {
      const wire = await connect(port)
      wire.close()
      return port
    } catch (failure) {
      if (performance.now() > deadline) throw failure
      await sleep(25)
    }
  }
}
