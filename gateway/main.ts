import { loadSettings } from './config/settings.ts'
import { GatewayNode } from './node.ts'
import type { Lifecycle } from './pipeline/steps.ts'

export interface ServeOptions {
  /** The settings file; `undefined`: environment and flags alone. */
  readonly config: string | undefined
  /** Settings from the command line, which beat environment and file. */
  readonly flags: Readonly<Record<string, unknown>>
  /** Another than the standard list of phases only in tests. */
  readonly lifecycle?: Lifecycle
}

/**
 * Runs one node until it is told to stop. SIGTERM and SIGINT stop it in order, a second one at once; SIGHUP looks for a
 * changed policy and reads the certificates again.
 *
 * @throws {ConfigError} with all that is wrong with settings and policy: nothing listens then
 */
export async function serve(options: ServeOptions): Promise<void> {
  const settings = loadSettings({ path: options.config, env: process.env, flags: options.flags })
  const node = await GatewayNode.start(settings, options.lifecycle)

  let asked = false
  const stop = (): void => {
    // The second signal is from somebody who will not wait.
    if (asked) {
      node.stopAtOnce()
      process.exit(1)
    }
    asked = true
    node.stop().then(
      () => process.exit(0),
      (error) => {
        node.crash(error)
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
  process.on('SIGHUP', () => node.reload())
  process.on('uncaughtException', (error) => {
    node.crash(error)
    process.exit(1)
  })
}
