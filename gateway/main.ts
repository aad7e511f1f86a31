import './config/interpret-schemas.ts'
import { performance } from 'node:perf_hooks'
import { lightenAsyncBinding } from './base/async-binding.ts'
import { CRASHED } from './base/exit-code.ts'
import { fastenStrings } from './base/fast-strings.ts'
import { Supervisor } from './base/supervisor.ts'
import { ConfigError } from './config/problem.ts'
import { readSettings } from './config/settings.ts'
import { GatewayNode } from './node.ts'
import type { Lifecycle } from './pipeline/exchange/steps.ts'
import { ServiceManager } from './probes/service-manager.ts'

/** Stop signals that follow the first one within this time are ignored, ms. */
const SAME_REQUEST_MS = 1000

export interface ServeOptions {
  /** Path of the settings file; `undefined`: only environment variables and flags are used. */
  readonly config: string | undefined
  /** Settings from the command line. They override the environment variables and the settings file. */
  readonly flags: Readonly<Record<string, unknown>>
  /** List of phases of an exchange. Only tests set a list other than the standard one. */
  readonly lifecycle?: Lifecycle
}

/**
 * Runs one node until it is stopped. SIGTERM and SIGINT stop the node gracefully; a second signal stops it immediately.
 * On SIGHUP the node reads settings, keys, secrets and certificates again, and checks for a changed policy. The service
 * manager (systemd) learns when the node has started, reloads and stops.
 *
 * @throws {ConfigError} with all errors in settings and policy. No listener is then opened.
 */
export async function serve(options: ServeOptions): Promise<void> {
  fastenStrings()
  lightenAsyncBinding()
  const loaded = readSettings({ path: options.config, env: process.env, flags: options.flags })
  let node: GatewayNode | undefined
  let requestedAt: number | undefined
  const manager = new ServiceManager(process.env)
  const stop = (): void => {
    // Exit here: nothing is served yet, but the start can wait for Redis for a long time. The system does not end the
    // first process of a container by default.
    if (node === undefined) process.exit(0)
    if (requestedAt !== undefined) {
      // A supervisor signals the whole process group, and a parent process may forward the signal. Both signals count
      // as one request to stop.
      if (performance.now() - requestedAt < SAME_REQUEST_MS) return
      // Stop immediately: a second signal after this time is a request to do so.
      node.stopAtOnce()
      process.exit(1)
    }
    requestedAt = performance.now()
    manager.stopping()
    node.stop().then(
      () => process.exit(0),
      (error) => {
        node?.crash(error)
        process.exit(CRASHED)
      },
    )
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
  const reloading = new Supervisor('reload')
  process.on('SIGHUP', () => void reloading.attempt(() => manager.reload(async () => node?.reload())))
  node = await GatewayNode.start(loaded, options.lifecycle)
  manager.ready()
  process.on('uncaughtException', (error) => {
    node.crash(error)
    // Exit with code 1 for an error in the configuration that the node finds only after it has connected to Redis, such
    // as an unsuitable eviction policy: the operator must fix such an error.
    process.exit(error instanceof ConfigError ? 1 : CRASHED)
  })
}
