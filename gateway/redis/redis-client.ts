import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Cluster, Command, Pipeline, type Redis } from 'ioredis'
import { Supervisor } from '../base/supervisor.ts'
import type { Breaker } from './breaker.ts'
import { RedisFault, redisFault } from './redis-fault.ts'

export type RedisArgument = string | number | Buffer

/** A script that is loaded when it is first run. */
export interface RedisScript {
  /**
   * Runs it. A call that failed may have run: nothing is ever sent twice.
   *
   * @throws {RedisFault} as a rejection
   */
  (keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown>
  /** The same with the texts of the reply as bytes. */
  buffers(keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown>
}

type Defined = Record<string, (...rest: RedisArgument[]) => Promise<unknown>>

/** One connection to Redis (in a cluster: one to each master in use). Whatever goes wrong is a `RedisFault`. */
export class RedisClient {
  readonly #driver: Redis | Cluster
  readonly #breaker: Breaker | undefined
  readonly #scripts = new Map<string, RedisScript>()
  readonly #reconnected = new Set<() => void>()
  /** It was asked to close: losing the connection is no trouble. */
  closing = false

  /** @param breaker  refuses calls while Redis does not reply; for calls that requests wait for */
  constructor(driver: Redis | Cluster, breaker: Breaker | undefined) {
    this.#driver = driver
    this.#breaker = breaker
    driver.on('ready', () => {
      breaker?.replied()
      for (const listener of this.#reconnected) listener()
    })
    driver.on('close', () => breaker?.broke())
  }

  /** There is a connection on which calls can be sent. */
  get ready(): boolean {
    return this.#driver.status === 'ready'
  }

  /** @throws {RedisFault} as a rejection */
  call(command: string, ...args: RedisArgument[]): Promise<unknown> {
    return this.#watched(() => this.#driver.call(command, ...args))
  }

  /** The same with the texts of the reply as bytes. */
  callBuffer(command: string, ...args: RedisArgument[]): Promise<unknown> {
    // Built here: the driver's own callBuffer goes wrong within autopipelining.
    return this.#watched(
      () => this.#driver.sendCommand(new Command(command, args, { replyEncoding: null })) as Promise<unknown>,
    )
  }

  /**
   * A call without a key, on the very connection on which calls about `key` go: WAIT is about what was written there.
   *
   * @throws {RedisFault} as a rejection
   */
  callBeside(key: string, command: string, ...args: RedisArgument[]): Promise<unknown> {
    return this.#watched(() => {
      const built = new Command(command, args, { replyEncoding: 'utf8' })
      // What a command without a key lacks for being sent to the master of a slot.
      if (this.#driver.isCluster) Object.assign(built, { slot: new Command('get', [key]).getSlot() })
      return this.#driver.sendCommand(built) as Promise<unknown>
    })
  }

  /** @param file  starts with `#!lua`: without it, a script that runs out of memory would stop half way */
  script(file: URL): RedisScript {
    const name = basename(fileURLToPath(file), '.lua').replaceAll('-', '')
    const known = this.#scripts.get(name)
    if (known !== undefined) return known
    const lua = readFileSync(file, 'utf8')
    if (!lua.startsWith('#!lua')) throw new Error(`${fileURLToPath(file)} does not start with #!lua`)
    const defined = this.#driver as unknown as Defined
    const run = (suffix: string, keys: readonly string[], args: readonly RedisArgument[]) =>
      this.#watched(() => {
        // One command for each number of keys: the driver's pipelines take the first argument for the key that tells the
        // slot, and if that were the number, calls of different slots would be sent as one, and refused by a Cluster.
        const command = `${name}${keys.length}`
        if (defined[command] === undefined) this.#define(command, lua, keys.length)
        return defined[`${command}${suffix}`]!(...keys, ...args)
      })
    const script: RedisScript = Object.assign(
      (keys: readonly string[], args: readonly RedisArgument[]) => run('', keys, args),
      { buffers: (keys: readonly string[], args: readonly RedisArgument[]) => run('Buffer', keys, args) },
    )
    this.#scripts.set(name, script)
    return script
  }

  /**
   * Hears the messages of a channel from now on, across reconnections. In a cluster by sharded subscription. A connection
   * that holds, and on which it is not answered, is replaced: on it nothing would ever be heard.
   *
   * @throws {RedisFault} as a rejection: to be asked again when there is another connection
   */
  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    const sharded = this.#driver.isCluster
    const event = sharded ? 'smessage' : 'message'
    const hear = (from: string, message: string): void => {
      if (from === channel) listener(message)
    }
    this.#driver.on(event, hear)
    const ask = () =>
      this.#watched(() => (sharded ? this.#driver.ssubscribe(channel) : this.#driver.subscribe(channel)))
    try {
      await ask()
    } catch (error) {
      this.#driver.off(event, hear)
      this.reconnect()
      throw error
    }
    // Where the driver does it, a connection that breaks once more before the reply is a rejection that nobody handles,
    // and ends the process. Its clusters handle it.
    if (!sharded) this.onReady(() => void ask().catch(() => this.reconnect()))
  }

  /** Tells after each connection that has come up, the first too. */
  onReady(listener: () => void): void {
    this.#reconnected.add(listener)
  }

  /** Breaks the connection off and opens another: the server is not, or no longer, the one to talk to. */
  reconnect(): void {
    if (this.#driver.status === 'ready') this.#driver.disconnect(true)
  }

  /** Lets pending calls come to their end, for a moment. */
  async close(): Promise<void> {
    this.closing = true
    // Without a connection the driver does not always tell its end.
    if (!this.ready) return this.#driver.disconnect()
    const closed = new Promise<void>((resolve) => this.#driver.once('end', resolve))
    this.#driver.quit().catch(() => this.#driver.disconnect())
    const endLate = new Supervisor('redis-connection').after(500, () => this.#driver.disconnect())
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 1000).unref())])
    endLate()
  }

  /**
   * A pipeline of the driver has the commands that there were when it was opened. One that is open now gets this one
   * too: without it, a script that is first run in the same tick as another call would end the process.
   */
  #define(command: string, lua: string, numberOfKeys: number): void {
    this.#driver.defineCommand(command, { lua, numberOfKeys })
    const defined = this.#driver as unknown as Defined
    const pipelines = Pipeline.prototype as unknown as Defined
    for (const name of [command, `${command}Buffer`]) pipelines[name] ??= defined[name]!
  }

  async #watched(send: () => Promise<unknown>): Promise<unknown> {
    const breaker = this.#breaker
    if (breaker !== undefined && !this.ready) throw new RedisFault('DISCONNECTED', 'no connection')
    if (breaker?.allows() === false) throw new RedisFault('BREAKER', 'has not replied for a while')
    try {
      const reply = await send()
      breaker?.replied()
      return reply
    } catch (error) {
      const fault = redisFault(error)
      if (fault.redisCode === 'TIMEOUT') breaker?.timedOut()
      else if (fault.redisCode === 'DISCONNECTED') breaker?.broke()
      else breaker?.replied()
      throw fault
    }
  }
}
