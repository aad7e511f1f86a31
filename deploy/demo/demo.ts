import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, endReport, startChild } from '../child.ts'
import { pingRedis } from '../redis-ping.ts'
import { startRedis } from '../redis-server.ts'
import { type DemoRedis, redisPlace, writeFirstEpoch } from './demo-redis.ts'
import { takenPorts } from './port-holder.ts'
import { loopback, type Ports } from './ports.ts'
import { checkout, claimState, makeState, nodeNames, type State } from './state.ts'

const readyWithinMs = 60_000

/** Error: the demo cannot start, because a port is in use. The message has the cause; `main.ts` adds the remedy. */
export class DemoRefused extends Error {
  override readonly name = 'DemoRefused'
}

/** A running demo with all its processes. */
export class Demo {
  readonly ports: Ports
  readonly state: State
  /**
   * Description of Redis for the user: the URL of the demo's own Redis, or protocol and host of GATEHOUSE_REDIS_URL.
   */
  redis = ''
  readonly #children: Child[] = []
  readonly #signal: AbortSignal
  #stopping = false
  #fail: (error: Error) => void = () => {}
  /**
   * Rejects when a process of the demo ends unexpectedly. The error has the name of the process and the end of its log.
   */
  readonly broken: Promise<never>

  private constructor(ports: Ports, state: State, signal: AbortSignal) {
    this.ports = ports
    this.state = state
    this.#signal = signal
    this.broken = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.broken.catch(() => {})
  }

  /**
   * Starts all processes of the demo, the nodes last, and waits until all of them answer.
   *
   * @param signal  aborts the start and stops the started processes
   * @throws {DemoRefused} when another demo already uses these ports, or another program uses one of them
   */
  static async start(ports: Ports, signal: AbortSignal): Promise<Demo> {
    const claim = claimState(ports)
    if ('heldBy' in claim) {
      throw new DemoRefused(`a demo already runs on these ports (pid ${claim.heldBy})`)
    }
    let demo: Demo | undefined
    try {
      await refuseTakenPorts(ports)
      const redis = redisPlace(ports, process.env.GATEHOUSE_REDIS_URL)
      demo = new Demo(ports, makeState(ports, redis, claim), signal)
      await Promise.race([demo.#startAll(redis), demo.broken])
      return demo
    } catch (error) {
      await demo?.stop()
      claim.release()
      throw error
    }
  }

  async #startAll(redis: DemoRedis): Promise<void> {
    const { issuer, orders, reports, files, admin } = this.ports
    const entries = import.meta.dirname
    await writeFirstEpoch(await this.#startRedis(), redis)
    await this.#start('issuer', join(entries, 'issuer.ts'), [`${this.ports.offset}`])
    await this.#start('services', join(entries, 'services.ts'), [`${this.ports.offset}`])
    await this.#answers(`${loopback(issuer)}/.well-known/openid-configuration`)
    for (const port of [orders, reports, files]) await this.#answers(`${loopback(port)}/`)

    const gatehouse = process.env.GATEHOUSE_DEMO_NODE ?? join(checkout, 'gateway', 'cli', 'gatehouse.mjs')
    const worker = join(checkout, 'workers', 'main.ts')
    await this.#start('worker', worker, ['--config', this.state.workerSettings], this.state.workerLog)
    for (const node of nodeNames) {
      await this.#start(node, gatehouse, ['serve', '--config', this.state.nodeSettings(node)], this.state.nodeLog(node))
    }
    await this.#answers(`${loopback(this.ports.worker)}/readyz`)
    for (const port of admin) await this.#answers(`${loopback(port)}/readyz`)
  }

  /**
   * Starts a Redis, or uses the Redis that GATEHOUSE_REDIS_URL names.
   *
   * @returns its URL with credentials
   */
  async #startRedis(): Promise<string> {
    const given = process.env.GATEHOUSE_REDIS_URL
    if (given) {
      await pingRedis(given)
      this.redis = `${new URL(given).protocol}//${new URL(given).host} (GATEHOUSE_REDIS_URL)`
      return given
    }
    const folder = join(this.state.folder, 'redis')
    const server = await startRedis({ folder, port: this.ports.redis, signal: this.#signal })
    this.redis = server.url
    this.#watch(server)
    return server.url
  }

  async #start(name: string, entry: string, words: readonly string[], log?: string): Promise<void> {
    this.#signal.throwIfAborted()
    if (this.#stopping) throw new Error('the demo is stopping')
    const child = await startChild({
      name,
      command: process.execPath,
      arguments: [entry, ...words],
      env: ownEnvironment(),
      cwd: this.state.folder,
      log: log ?? join(this.state.folder, `${name}.log`),
    })
    this.#watch(child)
  }

  #watch(child: Child): void {
    this.#children.push(child)
    child.ended.then((how) => {
      if (!this.#stopping) this.#fail(new Error(endReport(child, `ended by itself (${how})`)))
    })
  }

  async #answers(url: string): Promise<void> {
    const deadlineMs = performance.now() + readyWithinMs
    for (;;) {
      this.#signal.throwIfAborted()
      const response = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
      await response?.body?.cancel()
      if (response?.ok) return
      if (this.#stopping) return
      if (performance.now() > deadlineMs) throw new Error(`${url} does not answer; logs are in ${this.state.folder}`)
      await sleep(40)
    }
  }

  /**
   * Stops the nodes first, then the other processes in reverse order of their start, because processes that were
   * started later depend on the earlier processes.
   */
  async stop(): Promise<void> {
    this.#stopping = true
    const [nodes, others] = [this.#children.filter(isNode), this.#children.filter((child) => !isNode(child))]
    await Promise.all(nodes.map((node) => node.stop()))
    for (const child of others.reverse()) await child.stop()
    this.state.release()
  }
}

function isNode({ name }: Child): boolean {
  return nodeNames.some((node) => node === name)
}

async function refuseTakenPorts(ports: Ports): Promise<void> {
  const taken = await takenPorts(ports, process.env.GATEHOUSE_REDIS_URL ? ['redis'] : [])
  if (taken.length === 0) return
  const list = taken.map(({ name, port, holder = 'another program' }) => `  ${port} (${name}): ${holder}`)
  throw new DemoRefused(`ports are in use\n${list.join('\n')}`)
}

/**
 * Environment of this process without the variables that configure a gate or Node.js, so that the demo behaves the same
 * in every shell. Variables of OpenTelemetry stay: the nodes and the worker export to the collector that they name.
 */
function ownEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(GATEHOUSE_(?!DEMO_)|NODE_OPTIONS$|NODE_CHANNEL_)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))
}
