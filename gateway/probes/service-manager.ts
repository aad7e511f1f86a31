import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Supervisor } from '../base/supervisor.ts'

/** Longest part of `WatchdogSec` between two watchdog messages: two of them may be lost. */
const WATCHDOG_SHARE = 3

/**
 * Tells systemd the state of the process (sd_notify(3)), for units with `Type=notify` or `Type=notify-reload`. Without
 * the variable `NOTIFY_SOCKET`, it does nothing.
 *
 * Node opens no datagram sockets of the family AF_UNIX: `createSocket('unix_dgram')` throws ERR_SOCKET_BAD_TYPE, and
 * `net` opens stream sockets only. So each message runs `systemd-notify`, which every machine with systemd has. The
 * message therefore comes from a child process, and the unit needs `NotifyAccess=all`.
 */
export class ServiceManager {
  readonly #env: NodeJS.ProcessEnv
  readonly #supervisor = new Supervisor('service-manager')
  /** Promise of the last message to systemd: messages are sent one after the other. */
  #sent: Promise<void> = Promise.resolve()
  #watchdog: (() => void) | undefined

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env
  }

  /** Tells systemd that the process serves. Starts the watchdog messages, if the unit has `WatchdogSec`. */
  ready(): void {
    this.#tell('READY=1')
    const everyMs = watchdogMs(this.#env)
    if (everyMs !== undefined) this.#watchdog ??= this.#supervisor.repeat(everyMs, () => this.#send(['WATCHDOG=1']))
  }

  /** Runs a reload and tells systemd its begin and end. `systemctl reload` waits until it has ended. */
  async reload(work: () => Promise<void> | undefined): Promise<void> {
    // Send the time of CLOCK_MONOTONIC: `Type=notify-reload` ignores the message without the time of CLOCK_MONOTONIC,
    // which Node's `hrtime` reads on Linux.
    this.#tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
    try {
      await work()
    } finally {
      this.#tell('READY=1')
    }
  }

  /** Tells systemd that the process stops. Watchdog messages continue until its end. */
  stopping(): void {
    this.#tell('STOPPING=1')
  }

  #tell(...assignments: readonly string[]): void {
    if (!this.#env['NOTIFY_SOCKET']) return
    this.#sent = this.#sent.then(() => this.#supervisor.attempt(() => this.#send(assignments)))
  }

  /** Sends one message to systemd. @throws {Error} when `systemd-notify` is missing or fails */
  async #send(assignments: readonly string[]): Promise<void> {
    const { PATH, NOTIFY_SOCKET } = this.#env
    const child = spawn('systemd-notify', assignments, { env: { PATH, NOTIFY_SOCKET }, stdio: 'ignore' })
    const [code] = await once(child, 'exit').catch((cause) => {
      throw new Error('systemd-notify cannot be run, so systemd does not know the state of this process', { cause })
    })
    if (code !== 0) throw new Error(`systemd-notify ${assignments.join(' ')} failed with exit code ${code}`)
  }
}

/**
 * Returns the time between two watchdog messages, ms; `undefined` without a watchdog for this process
 * (sd_watchdog_enabled(3)).
 */
function watchdogMs({ NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  const limitMs = Number(WATCHDOG_USEC) / 1000
  if (!NOTIFY_SOCKET || !(limitMs > 0)) return undefined
  if (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid) return undefined
  return limitMs / WATCHDOG_SHARE
}
