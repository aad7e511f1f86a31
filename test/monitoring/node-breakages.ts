import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loopback } from '../../deploy/demo/ports.ts'
import { type Breakage, pidOf, ports, redis, replaceInPolicy, state } from './live-demo.ts'

export const redisFull: Breakage = {
  cause: 'maxmemory little above the used memory',
  alerts: ['GatehouseRedisMemory'],
  async begin() {
    const used = Number(/used_memory:(\d+)/.exec(await redis('info', 'memory'))?.[1])
    await redis('config', 'set', 'maxmemory', `${Math.round(used * 1.15)}`)
  },
  end: async () => void (await redis('config', 'set', 'maxmemory', '0')),
}

/** Stops a process for 1 s, 4 times. */
export function stalling(text: string): Breakage {
  const pid = pidOf(text)
  return {
    cause: 'a node is stopped for 1 s, 4 times',
    alerts: ['GatehouseEventLoopStalls'],
    async begin() {
      for (let i = 0; i < 4; i++) {
        process.kill(pid, 'SIGSTOP')
        await sleep(1000)
        process.kill(pid, 'SIGCONT')
        await sleep(500)
      }
    },
    end() {},
  }
}

/** The second node is stopped while a revision is applied whose secret is missing when the node continues. */
export function policyBehind(text: string): Breakage {
  const pid = pidOf(text)
  const [secret, other] = ['introspection-secret', 'other-secret'].map((name) => join(state, name)) as [string, string]
  return {
    cause: 'a node lacks a secret of the active revision',
    alerts: ['GatehousePolicyBehind', 'GatehousePolicyRejected', 'GatehousePoliciesDiffer'],
    begin() {
      copyFileSync(secret, other)
      process.kill(pid, 'SIGSTOP')
      replaceInPolicy(['{ file: introspection-secret }', '{ file: other-secret }'])
      rmSync(other)
      process.kill(pid, 'SIGCONT')
    },
    end: () => copyFileSync(secret, other),
  }
}

const activation = 'gh:{rev}:policy:activation'

export const forgedPolicy: Breakage = {
  cause: 'the MAC of the activation in Redis is changed',
  alerts: ['GatehousePolicyForged'],
  async begin() {
    const { mac, ...rest } = JSON.parse(await redis('get', activation)) as { mac: string }
    const changed = `${mac[0] === 'A' ? 'B' : 'A'}${mac.slice(1)}`
    await redis('set', activation, JSON.stringify({ ...rest, mac: changed }))
  },
  end() {},
}

/** Logins while the issuer does not reply: each gets 503 after 10 s. */
export const failingLogins: Breakage = {
  cause: 'three logins while the issuer is stopped',
  alerts: ['GatehouseLoginsFail'],
  async begin() {
    const url = `${loopback(ports.gate)}/.gatehouse/login?return_to=%2Fapp%2F&issuer=main`
    for (let i = 0; i < 3; i++) {
      const reply = await fetch(url, { headers: { accept: 'text/html' }, redirect: 'manual' })
      await reply.body?.cancel()
    }
  },
  end() {},
}

export const endingKeys: Breakage = {
  cause: 'the issuer is stopped, with keys_stale: 1h',
  alerts: ['GatehouseIssuerKeysEnd'],
  begin() {},
  end() {},
}

const certificate = ['gate.crt', 'gate.key'].map((name) => join(state, name)) as [string, string]
let saved: string[] = []

/** Writes a certificate for `days` days to the files of the demo's listener. */
function writeCertificate(days: number): void {
  const [cert, key] = certificate
  const words = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=localhost',
  ]
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync('openssl', [...words, ...names, '-days', `${days}`, '-keyout', key, '-out', cert], { stdio: 'ignore' })
}

export const expiring: Breakage = {
  cause: 'a certificate of the listener that expires within a day',
  alerts: ['GatehouseExpiresSoon', 'GatehouseExpiresToday'],
  begin() {
    saved = certificate.map((path) => readFileSync(path, 'utf8'))
    writeCertificate(1)
  },
  end: () => {
    for (const [i, path] of certificate.entries()) writeFileSync(path, saved[i]!)
  },
}

/** Returns a token with this key id that no issuer signed. */
function forgedToken(kid: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    iss: loopback(ports.issuer),
    aud: loopback(ports.gate),
    sub: 'x',
    exp: Math.floor(Date.now() / 1000) + 600,
  }
  return `${part({ alg: 'ES256', typ: 'at+jwt', kid })}.${part(claims)}.${'A'.repeat(86)}`
}

async function ask(token: string): Promise<void> {
  const options = { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(3000) }
  const reply = await fetch(`${loopback(ports.gate)}/orders/1`, options).catch(() => undefined)
  await reply?.body?.cancel()
}

/** Requests with forged tokens, `perSecond` a second, while the traffic is on. */
export function traffic(cause: string, alerts: readonly string[], perSecond: number): Breakage {
  let timer: NodeJS.Timeout | undefined
  const begin = () => {
    timer = setInterval(() => void ask(forgedToken('none')), 1000 / perSecond)
  }
  return { cause, alerts, begin, lasts: alerts.length === 0, end: () => clearInterval(timer) }
}
