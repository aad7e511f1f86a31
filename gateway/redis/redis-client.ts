import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Cluster, Command, Pipeline, type Redis } from 'ioredis'
import { Supervisor } from '../base/supervisor.ts'
import type { Breaker } from './breaker.ts'
import { RedisFault, redisFault } from './redis-fault.ts'

export type RedisArgument = string | number | Buffer

/** A Lua script for Redis. The first call loads the script into Redis. */
export interface RedisScript {
  /**
   * Runs the Lua script. A call that failed may have run on the server, so a failed call is not retried.
   *
   * @throws {RedisFault} as a rejection
   */
  (keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown>
  /** Runs the Lua script and returns strings in the reply as buffers. */
  buffers(keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown>
}

type Defined = Record<string, (...rest: RedisArgument[]) => Promise<unknown>>

/** One connection to Redis; in a Redis Cluster, one to each master in use. Every failure becomes a `RedisFault`. */
export class RedisClient {
  readonly #driver: Redis | Cluster
  readonly #breaker: Breaker | undefined
  /** Lua scripts by name. @bound code */
  readonly #scripts = new Map<string, RedisScript>()
  /** Functions that are called after a reconnection to Redis. @bound code */
  readonly #reconnected = new Set<() => void>()
  /** True after `close` was called. A lost connection is then expected and not logged. */
  closing = false

  /** @param breaker  circuit breaker for calls that HTTP requests wait for; refuses calls while Redis does not reply */
  constructor(driver: Redis | Cluster, breaker: Breaker | undefined) {
    this.#driver = driver
    this.#breaker = breaker
    driver.on('ready', () => {
      breaker?.replied()
      for (const listener of this.#reconnected) listener()
    })
    driver.on('close', () => breaker?.broke())
  }

  /** Whether the connection to Redis is established and can send calls. */
  get ready(): boolean {
    return this.#driver.status === 'ready'
  }

  /**
   * Sends a command to Redis.
   *
   * @throws {RedisFault} as a rejection
   */
  call(command: string, ...args: RedisArgument[]): Promise<unknown> {
    return this.#guarded(() => this.#driver.call(command, ...args))
  }

  /**
   * Sends a command to every master of a Redis Cluster, and else to the server.
   *
   * @returns the replies, one for each master
   * @throws {RedisFault} as a rejection, when one of the masters fails
   */
  async callMasters(command: string, ...args: RedisArgument[]): Promise<readonly unknown[]> {
    const driver = this.#driver
    if (!driver.isCluster) return [await this.call(command, ...args)]
    const masters = (driver as Cluster).nodes('master')
    return Promise.all(masters.map((master) => this.#guarded(() => master.call(command, ...args))))
  }

  /**
   * Sends a command to Redis like `call` and returns strings in the reply as buffers.
   *
   * @throws {RedisFault} as a rejection
   */
  callBuffer(command: string, ...args: RedisArgument[]): Promise<unknown> {
    // Build and send the command without `callBuffer` of ioredis, because `callBuffer` fails with autopipelining.
    return this.#guarded(
      () => this.#driver.sendCommand(new Command(command, args, { replyEncoding: null })) as Promise<unknown>,
    )
  }

  /**
   * Sends a command without a key on the connection that serves `key`. WAIT needs this, because WAIT covers only the
   * writes of the same connection.
   *
   * @throws {RedisFault} as a rejection
   */
  callBeside(key: string, command: string, ...args: RedisArgument[]): Promise<unknown> {
    return this.#guarded(() => {
      const built = new Command(command, args, { replyEncoding: 'utf8' })
      // Select the connection by the slot of `key`: a command without a key has no slot, and the cluster driver selects
      // the master by slot.
      if (this.#driver.isCluster) Object.assign(built, { slot: new Command('get', [key]).getSlot() })
      return this.#driver.sendCommand(built) as Promise<unknown>
    })
  }

  /**
   * Defines a Lua script; the same file is defined once.
   *
   * @param file  must start with `#!lua`: without this line, a script that runs out of memory stops after partial
   *   writes
   */
  script(file: URL): RedisScript {
    const name = basename(fileURLToPath(file), '.lua').replaceAll('-', '')
    const known = this.#scripts.get(name)
    if (known !== undefined) return known
    const lua = readFileSync(file, 'utf8')
    if (!lua.startsWith('#!lua')) throw new Error(`${fileURLToPath(file)} does not start with #!lua`)
    const defined = this.#driver as unknown as Defined
    const run = (suffix: string, keys: readonly string[], args: readonly RedisArgument[]) =>
      this.#guarded(() => {
        // Define one ioredis command for each number of keys, so that the first argument is a key. Pipelines of ioredis
        // use the first argument to select the slot. If the first argument were the number of keys, calls of different
        // slots would share a pipeline, which Redis Cluster rejects.
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
   * Subscribes to a channel and renews the subscription after each reconnection. In a Redis Cluster the subscription is
   * sharded. If an established connection does not confirm the subscription, the connection is replaced, because the
   * connection would never deliver a message.
   *
   * @throws {RedisFault} as a rejection; the caller must subscribe again on the next connection
   */
  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    const sharded = this.#driver.isCluster
    const event = sharded ? 'smessage' : 'message'
    const receive = (from: string, message: string): void => {
      if (from === channel) listener(message)
    }
    this.#driver.on(event, receive)
    const ask = () =>
      this.#guarded(() => (sharded ? this.#driver.ssubscribe(channel) : this.#driver.subscribe(channel)))
    try {
      await ask()
    } catch (error) {
      this.#driver.off(event, receive)
      this.reconnect()
      throw error
    }
    // Renew the subscription here instead of with `autoResubscribe` of ioredis. With `autoResubscribe`, a connection
    // that breaks before the reply causes an unhandled rejection, which ends the process. The cluster driver renews
    // subscriptions without this problem.
    if (!sharded) this.onReady(() => void ask().catch(() => this.reconnect()))
  }

  /** Calls `listener` each time the connection to Redis is established, including the first time. */
  onReady(listener: () => void): void {
    this.#reconnected.add(listener)
  }

  /**
   * Closes the connection to Redis and opens a new one. For a caller that has found that the connection leads to the
   * wrong server. Does nothing while no connection is established.
   */
  reconnect(): void {
    if (this.#driver.status === 'ready') this.#driver.disconnect(true)
  }

  /** Closes the connection to Redis. Pending calls have up to 500 ms to finish. Returns within 1 s. */
  async close(): Promise<void> {
    this.closing = true
    // Do not wait for `end` without a connection: the driver does not always emit it.
    if (!this.ready) return this.#driver.disconnect()
    const closed = new Promise<void>((resolve) => this.#driver.once('end', resolve))
    this.#driver.quit().catch(() => this.#driver.disconnect())
    const endLate = new Supervisor('redis-connection').after(500, () => this.#driver.disconnect())
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 1000).unref())])
    endLate()
  }

  /**
   * Defines a command on the driver and on pipelines that are already open. A pipeline of ioredis has only the commands
   * that existed when the pipeline was opened. Without the definition on open pipelines, a script whose first run is in
   * the same tick as another call would end the process.
   */
  #define(command: string, lua: string, numberOfKeys: number): void {
    this.#driver.defineCommand(command, { lua, numberOfKeys })
    const defined = this.#driver as unknown as Defined
    const pipelines = Pipeline.prototype as unknown as Defined
    for (const name of [command, `${command}Buffer`]) pipelines[name] ??= defined[name]!
  }

  async #guarded(send: () => Promise<unknown>): Promise<unknown> {
    const breaker = this.#breaker
    if (breaker !== undefined && !this.ready) throw new RedisFault('DISCONNECTED', 'no connection')
    if (breaker?.allows() === false)
      throw new RedisFault('BREAKER', 'calls are suspended, because recent calls got no reply')
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
