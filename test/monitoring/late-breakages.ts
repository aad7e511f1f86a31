import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { requestTokens } from '../../deploy/demo/grants.ts'
import { loopback } from '../../deploy/demo/ports.ts'
import { introspectToken } from '../../gateway/queues/introspect-token.ts'
import { JobProducer } from '../../gateway/queues/job-producer.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { testAudience } from '../kit/issuer.ts'
import { logIn } from '../kit/login-gate.ts'
import { type LoginProvider, loginClient, startLoginProvider } from '../kit/login-provider.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { type Breakage, gatehouse, ports, replaceInPolicy, restoreInPolicy, wrongPolicy } from './live-demo.ts'
import { askThirdNode, readLog, replies, thirdNodeMetric } from './third-node.ts'

const gate = loopback(ports.gate)
const service = (name: string, port: number) => `  ${name}:\n    upstreams: [${loopback(port)}]\n`

/** Adds to the demo's policy what the breakages of this file need, which is in order until a breakage begins. */
export function extendPolicy(provider: LoginProvider): void {
  const extended = (name: 'orders' | 'reports' | 'files' | 'rpc', more = ''): readonly [string, string] => {
    const text = service(name, ports[name])
    return [text, `${text}    issuers: [main]\n${more}`]
  }
  replaceInPolicy(
    extended('orders', `    ${goodHealth}\n`),
    extended('files', '    retry: { on: [503], attempts: 3 }\n'),
    extended('reports'),
    extended('rpc'),
    ['      client_id: web\n', '      client_id: web\n      redirect: issuer\n'],
    ['\nservices:\n', `${loginIssuer(provider)}\nservices:\n${addedServices}`],
  )
}

const goodHealth = 'health: { path: /, interval: 1s, timeout: 500ms, healthy: 1, unhealthy: 2 }'
const goodName = `http://localhost:${ports.reports}`
const goodCredential = 'client_id: clerk, client_secret: { file: clerk-secret }, scopes: ["orders:read"]'
const addedServices = `${service('billing', ports.reports)}    issuers: [main]
    credentials: { type: client_credentials, issuer: main, ${goodCredential} }
    routes: [{ id: billing, match: { path: /billing/** }, require: public }]
  named:
    upstreams: [${goodName}]
    issuers: [main]
    routes: [{ id: named, match: { path: /named/** }, require: public }]
`

function loginIssuer({ url }: LoginProvider): string {
  return `  short:
    issuer: ${url}
    audience: [${testAudience}]
    login: { client_id: ${loginClient.id}, client_secret: { file: short-secret }, redirect: plain, scopes: [openid, offline_access, "orders:read"] }
`
}

export const startShortIssuer = (): Promise<LoginProvider> => startLoginProvider({ gate })

const ends: (() => void)[] = []

/** Runs `work` again and again, `atOnce` times at the same time, until `end` is called. */
function repeated(work: () => Promise<unknown>, atOnce: number, pauseMs = 0): { begin(): void; end(): void } {
  let on = false
  const loop = async (): Promise<void> => {
    while (on) {
      await work()
      await sleep(pauseMs)
    }
  }
  const begin = (): void => {
    on = true
    for (let i = 0; i < atOnce; i++) void loop()
  }
  const end = (): void => {
    on = false
  }
  ends.push(end)
  return { begin, end }
}

/** Ends all repeated work. */
export function endRepeated(): void {
  for (const end of ends) end()
}

export const noHealthyUpstream = wrongPolicy(
  'the policy has a wrong path for the health check of a service',
  ['GatehouseNoHealthyUpstream'],
  goodHealth,
  goodHealth.replace('path: /', 'path: "/?status=503"'),
)

export const lookupsFail = wrongPolicy(
  'the policy has an upstream name that does not exist',
  ['GatehouseUpstreamLookupsFail'],
  goodName,
  goodName.replace('localhost', 'no-such-name.invalid'),
)

export const serviceTokenMissing = wrongPolicy(
  'the policy has a wrong client secret for the token of a service',
  ['GatehouseServiceTokenMissing'],
  goodCredential,
  'client_id: clerk, client_secret: { file: introspection-secret }, scopes: ["orders:write"]',
)

/** Requests to a service that replies 503, many more than its retry budget allows to repeat. */
export const retriesExhausted: Breakage = {
  cause: 'a service replies 503 to 40 requests a second',
  alerts: ['GatehouseRetriesExhausted'],
  ...repeated(async () => (await fetch(`${gate}/public/x?status=503`)).body?.cancel(), 4, 100),
}

export const drainForgotten: Breakage = {
  cause: 'an upstream is drained (1 day shortened to 30 s)',
  alerts: ['GatehouseDrainForgotten'],
  begin: () => gatehouse('upstreams', 'drain', loopback(ports.rpc)),
  end: () => gatehouse('upstreams', 'undrain', loopback(ports.rpc)),
}

/** 1,500 jobs for a queue that takes one job per second. */
export const queueWaits: Breakage = {
  cause: '1,500 introspections, with introspection.rate: 1',
  alerts: ['GatehouseQueueWaits'],
  async begin() {
    replaceInPolicy(['      client_id: gatehouse\n', '      client_id: gatehouse\n      rate: 1\n'])
    const link = await testLink(redisSettingsFor(ports.redis))
    const producer = new JobProducer(introspectToken, link, console.error)
    for (let i = 0; i < 1500; i++) {
      const token = createHash('sha256').update(`${i}`).digest('hex')
      producer.add('main', token, { issuer: 'main', token, form: 'opaque' })
    }
    await sleep(5000)
    await producer.close()
  },
  end: () => restoreInPolicy('      client_id: gatehouse\n'),
}

/** Sessions of an issuer whose access tokens live for 5 s, while the issuer rejects the client secret of the gate. */
export function refreshesFail(provider: LoginProvider): Breakage {
  const browsers = Array.from({ length: 4 }, () => new HttpBrowser())
  const visits = browsers.map((browser) => repeated(() => browser.visit(`${gate}/.gatehouse/session`), 1, 1000))
  return {
    cause: 'the issuer of four sessions rejects the client secret',
    alerts: ['GatehouseRefreshesFail'],
    async begin() {
      provider.accessTokenS = 5
      const start = `${gate}/.gatehouse/login?issuer=short&return_to=/.gatehouse/session`
      for (const browser of browsers) await logIn(browser, start)
      await provider.rotateSecret('another-secret-of-the-client')
      for (const each of visits) each.begin()
    },
    // The visits go on: without a refresh that succeeds, the alert would not show that it ends.
    end: () => provider.rotateSecret(loginClient.secret),
  }
}

/** A breakage of one audit sink: its receiver replies with this status. */
function receiverReplies(
  cause: string,
  alert: string,
  name: keyof typeof replies,
  status: number,
  after = () => {},
): Breakage {
  const traffic = repeated(() => askThirdNode('/public/x'), 1, 200)
  return {
    cause,
    alerts: [alert],
    begin() {
      replies[name] = status
      traffic.begin()
    },
    end() {
      replies[name] = 200
      traffic.end()
      after()
    },
  }
}

export const shippingLag = receiverReplies(
  'the receiver of an audit sink replies 503 (limit of 300 s shortened to 20 s)',
  'GatehouseShippingLag',
  'late',
  503,
)
export const deadLetters = receiverReplies(
  'the receiver of an audit sink rejects records with 400',
  'GatehouseDeadLetters',
  'strict',
  400,
  () => gatehouse('audit', 'replay', '--sink', 'strict', '--dead'),
)

/** Sends requests with long paths to the third node, until its metric is above 0. */
async function floodUntil(metric: string): Promise<void> {
  const flood = repeated(() => askThirdNode(`/public/${'x'.repeat(6000)}`), 16)
  flood.begin()
  const deadline = performance.now() + 120_000
  while ((await thirdNodeMetric(metric)) === 0 && performance.now() < deadline) await sleep(500)
  flood.end()
}

export const logLost: Breakage = {
  cause: 'the reader of the log hangs',
  alerts: ['GatehouseLogLost'],
  begin() {
    readLog(false)
    return floodUntil('gatehouse_log_lines_lost_total')
  },
  end: () => readLog(true),
}

/** Slow requests of users and of unknown callers to a node that takes 4 exchanges at a time. */
export async function sheds(): Promise<Breakage> {
  const { accessToken } = await requestTokens(ports, {})
  const users = repeated(() => askThirdNode('/orders/1?delay=2000', accessToken), 8)
  const strangers = repeated(() => askThirdNode('/public/x?delay=2000'), 4)
  return {
    cause: 'a node with overload.in_flight: 4 gets 12 slow requests at a time',
    alerts: ['GatehouseNodeSheds', 'GatehouseStrangersShed'],
    begin() {
      users.begin()
      strangers.begin()
    },
    end() {
      users.end()
      strangers.end()
    },
  }
}

/** Requests to the third node while Redis is stopped, so that its spill of 1 MiB is full. */
export const auditLost: Breakage = {
  cause: 'Redis is stopped, with audit.spill.max: 1MiB and audit.memory: 1MiB',
  alerts: ['GatehouseAuditSpillFull', 'GatehouseAuditLost'],
  begin: () => floodUntil('gatehouse_audit_lost_records_total'),
  end() {},
}
