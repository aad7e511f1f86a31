import { performance } from 'node:perf_hooks'
import { CRASHED } from './base/exit-code.ts'
import { fastenStrings } from './base/fast-strings.ts'
import { ConfigError } from './config/problem.ts'
import { loadSettings } from './config/settings.ts'
import { GatewayNode } from './node.ts'
import type { Lifecycle } from './pipeline/steps.ts'

/** Signals to stop within this time are one. */
const ONE_WISH_MS = 1000

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
  fastenStrings()
  const settings = loadSettings({ path: options.config, env: process.env, flags: options.flags })
  const node = await GatewayNode.start(settings, options.lifecycle)

  let askedAt: number | undefined
  const stop = (): void => {
    if (askedAt !== undefined) {
      // A supervisor signals the whole group, and whoever started us passes it on: that is one wish, heard twice.
      if (performance.now() - askedAt < ONE_WISH_MS) return
      // A later one is from somebody who will not wait.
      node.stopAtOnce()
      process.exit(1)
    }
    askedAt = performance.now()
    node.stop().then(
      () => process.exit(0),
      (error) => {
        node.crash(error)
        process.exit(CRASHED)
      },
    )
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
  process.on('SIGHUP', () => node.reload())
  process.on('uncaughtException', (error) => {
    node.crash(error)
    // What only shows once Redis is reached, such as that it may evict, is the operator's to mend.
    process.exit(error instanceof ConfigError ? 1 : CRASHED)
  })
}
