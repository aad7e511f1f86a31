import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { haproxy } from '../../deploy/server-program.mjs'
import { freePort } from '../../gateway/port.ts'
import type { LoadTarget } from '../harness/drive.ts'
import { startBareProxy } from '../harness/nginx.ts'
import { listening, type Running, startProcess } from '../harness/process.ts'
import type { Site } from '../harness/site.ts'
import { AUDIENCE } from '../harness/tokens.ts'

/** Starts HAProxy with `haproxy.cfg`. */
export async function startHaproxy(site: Site): Promise<LoadTarget & Running> {
  const { command, env } = haproxy.find()
  const port = await freePort('127.0.0.1')
  const folder = site.newFolder('haproxy')
  mkdirSync(folder, { recursive: true })
  const key = join(folder, 'issuer.pem')
  writeFileSync(key, site.issuer.publicKeyPem)
  const running = startProcess(command, ['-db', '-f', join(import.meta.dirname, 'haproxy.cfg')], {
    ...process.env,
    ...env,
    PORT: String(port),
    UPSTREAM: String(site.upstream.port),
    ISSUER: site.issuer.url,
    AUDIENCE,
    PUBLIC_KEY: key,
  })
  await listening(port)
  return site.keep({ ...running, port })
}

/** Starts an nginx that forwards and writes an access log in JSON. */
export async function startLoggingNginx(site: Site): Promise<LoadTarget & Running> {
  return site.keep(await startBareProxy(site.newFolder('nginx-log'), site.upstream.port, { log: true }))
}

/** Starts the proxy that only forwards, with the gate's listener and upstream client. */
export async function startForwarder(site: Site): Promise<LoadTarget & Running> {
  const port = await freePort('127.0.0.1')
  const running = startProcess(process.execPath, [join(import.meta.dirname, 'forwarder.ts')], {
    ...process.env,
    PORT: String(port),
    UPSTREAM: String(site.upstream.port),
  })
  await listening(port)
  return site.keep({ ...running, port })
}

/** Starts the Fastify gateway. @param cached  number of tokens in its cache; 0: every request verifies its token */
export async function startFastify(site: Site, redisUrl: string, cached: number): Promise<LoadTarget & Running> {
  const port = await freePort('127.0.0.1')
  const running = startProcess(process.execPath, [join(import.meta.dirname, 'fastify.ts')], {
    ...process.env,
    NODE_ENV: 'production',
    PORT: String(port),
    UPSTREAM: String(site.upstream.port),
    REDIS: redisUrl,
    ISSUER: site.issuer.url,
    AUDIENCE,
    PUBLIC_KEY: site.issuer.publicKeyPem,
    CACHE: String(cached),
  })
  await listening(port)
  return site.keep({ ...running, port })
}
