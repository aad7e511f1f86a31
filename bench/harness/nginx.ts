import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nginx } from '../../deploy/server-program.mjs'
import { freePort } from '../../gateway/port.ts'
import type { CertificatePaths } from './certificate.ts'
import { listening, type Running, startProcess } from './process.ts'

export interface Nginx extends Running {
  readonly port: number
}

/**
 * Starts an nginx as upstream service. It returns JSON documents at very low CPU cost: 1,000 bytes at `/orders/list/`,
 * 3,500 bytes at `/orders/history/` (nginx allows at most 4,096 in its configuration), and 50 bytes elsewhere.
 */
export function startUpstream(folder: string): Promise<Nginx> {
  return startNginx(
    folder,
    (port) => `
    server {
      listen 127.0.0.1:${port} backlog=4096;
      default_type application/json;
      location / { return 200 '{"service":"bench","items":[1,2,3,4,5,6,7,8,9,10]}'; }
      location /orders/list/ { return 200 '${documentOf(1000)}'; }
      location /orders/history/ { return 200 '${documentOf(3500)}'; }
    }`,
  )
}

/** Returns a JSON document of this size, bytes. */
function documentOf(bytes: number): string {
  const start = '{"service":"bench","text":"'
  return `${start}${'t'.repeat(bytes - start.length - 2)}"}`
}

/**
 * Starts an nginx as OTLP collector. It replies 200 with an empty body to every POST, which means complete success in
 * OTLP.
 */
export function startCollector(folder: string): Promise<Nginx> {
  return startNginx(
    folder,
    (port) => `
    server {
      listen 127.0.0.1:${port};
      client_max_body_size 64m;
      default_type application/x-protobuf;
      location / { return 200 ''; }
    }`,
  )
}

/**
 * Starts an nginx that only forwards to the upstream: the reference for the gate's CPU time. With a certificate, it
 * serves TLS. With `log`, it writes a line of JSON per request, as the gate does, and discards the lines.
 */
export function startBareProxy(
  folder: string,
  upstreamPort: number,
  { certificate, log = false }: { readonly certificate?: CertificatePaths; readonly log?: boolean } = {},
): Promise<Nginx> {
  const conf = readFileSync(new URL('../peers/nginx.conf', import.meta.url), 'utf8')
  const pair =
    certificate === undefined
      ? ''
      : `ssl_certificate ${certificate.certFile};\nssl_certificate_key ${certificate.keyFile};\n`
  const format = log ? `${readFileSync(new URL('../peers/nginx-log.conf', import.meta.url), 'utf8')}\n` : ''
  return startNginx(folder, (port) => {
    const values = {
      upstream: String(upstreamPort),
      port: String(port),
      ssl: certificate === undefined ? '' : 'ssl',
      // Blocks of 64 KiB, as the gate writes its lines.
      log: log ? 'access_log /dev/null json buffer=64k flush=1s;' : '',
    }
    return format + pair + filledIn(conf, values)
  })
}

/** Replaces each `{{name}}` in a configuration with its value. */
function filledIn(conf: string, values: Readonly<Record<string, string | undefined>>): string {
  return conf.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '')
}

/** Starts an nginx that balances requests over three services (`bench/sick/nginx.conf`). */
export function startFleetProxy(folder: string, servicePorts: readonly number[]): Promise<Nginx> {
  const conf = readFileSync(new URL('../sick/nginx.conf', import.meta.url), 'utf8')
  const [one, two, three] = servicePorts.map(String)
  return startNginx(folder, (port) => filledIn(conf, { port: String(port), one, two, three }))
}

/** Starts an nginx that only forwards WebSockets to a service. */
export function startWebSocketProxy(folder: string, servicePort: number): Promise<Nginx> {
  const server = (port: number): string => `
    server {
      listen 127.0.0.1:${port} backlog=4096;
      location / {
        proxy_pass http://127.0.0.1:${servicePort};
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
        proxy_read_timeout 1h;
      }
    }`
  return startNginx(folder, server, 16_384)
}

/**
 * Starts an nginx as gRPC service: replies to each unary call with the same message. It passes the call to itself over
 * HTTP/1.1, so that the call is read completely: otherwise nginx replies with RST_STREAM behind the reply.
 */
export function startGrpcService(folder: string, message: Buffer): Promise<Nginx> {
  return startNginx(
    folder,
    (port) => `
    upstream own { server unix:${folder}/own.sock; keepalive 256; keepalive_requests 1000000000; }
    server {
      ${http2At(port)}
      add_trailer grpc-status 0;
      location / {
        proxy_pass http://own;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
      }
    }
    server {
      listen unix:${folder}/own.sock backlog=4096;
      default_type application/grpc;
      location / { return 200 "${message.toString('latin1')}"; }
    }`,
  )
}

/** Starts an nginx that only forwards gRPC calls to a service. */
export function startGrpcProxy(folder: string, servicePort: number): Promise<Nginx> {
  return startNginx(
    folder,
    (port) => `
    upstream service {
      server 127.0.0.1:${servicePort};
      keepalive 256;
      keepalive_requests 1000000000;
    }
    server {
      ${http2At(port)}
      location / { grpc_pass grpc://service; }
    }`,
  )
}

/** Directives that make nginx speak HTTP/2 without TLS. Version 1.25.1 warns about the parameter of `listen`. */
function http2At(port: number): string {
  const { command, env } = nginx.find()
  const { stderr } = spawnSync(command, ['-v'], { env: { ...process.env, ...env }, encoding: 'utf8' })
  const [, major, minor] = /nginx\/(\d+)\.(\d+)/.exec(stderr) ?? []
  const isNew = Number(major) > 1 || Number(minor) > 25
  return isNew ? `listen 127.0.0.1:${port} backlog=4096; http2 on;` : `listen 127.0.0.1:${port} http2 backlog=4096;`
}

/** @param connections  maximum number of connections, to clients and to services together */
async function startNginx(folder: string, servers: (port: number) => string, connections = 4096): Promise<Nginx> {
  const { command, env } = nginx.find()
  const port = await freePort('127.0.0.1')
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'nginx.conf')
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  writeFileSync(
    config,
    `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events { worker_connections ${connections}; }
http {
  ${scratch.join('\n  ')}
  access_log off;
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  ${servers(port)}
}
`,
  )
  const running = startProcess(command, ['-p', folder, '-e', `${folder}/error.log`, '-c', config], {
    ...process.env,
    ...env,
  })
  await listening(port)
  return { ...running, port }
}
