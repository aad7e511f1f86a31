import { performance } from 'node:perf_hooks'
import type { Commit } from '../base/commit.ts'
import type { Expiry, ExpirySource } from '../base/expiries.ts'
import { Supervisor } from '../base/supervisor.ts'
import { changedSettings } from './changed-settings.ts'
import { stampOf } from './file-stamp.ts'
import { ConfigError } from './problem.ts'
import { type LoadedSettings, readSettingLayers, readSettingsAgain } from './settings.ts'
import { settingsExpiries } from './settings-expiries.ts'

/**
 * Time between two checks of the key files for changes, ms. A changed file is read at the second check that finds the
 * same change.
 */
const POLL_MS = 500
/**
 * Time between two attempts to use key files that were rejected, ms. A later attempt can succeed without a change of
 * the files: for example, files that lack a key are accepted when the key is no longer in use.
 */
const RETRY_MS = 5000

export interface SettingsReloadOptions {
  readonly loaded: LoadedSettings
  /**
   * Prepares the keys, secrets and certificates of reloaded settings for use.
   *
   * @returns `commit`, which puts them into effect, and the names of changed settings that need a restart
   * @throws {ConfigError} as a rejection, to reject the whole reload; the process must then be unchanged
   */
  readonly prepare: (
    next: LoadedSettings,
  ) => Promise<{ readonly commit: Commit; readonly needRestart: readonly string[] }>
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void
}

/**
 * Reads settings again while the process runs: all settings on SIGHUP, and only the keys when a key file changes.
 * Applies keys, secrets and certificates; other settings take effect at the next start. A reload with an error changes
 * nothing.
 */
export class SettingsReload implements ExpirySource {
  readonly #options: SettingsReloadOptions
  readonly #task = new Supervisor('secret-watch')
  #inForce: LoadedSettings
  /** Stamp (metadata) of the key files when they were read last. */
  #read: string
  /** Stamp (metadata) of the key files at the last check for changes. */
  #found: string
  #rejected: { problem: string; triedMs: number } | undefined
  #running: Promise<void> = Promise.resolve()
  #closed = false
  #endWatching: (() => void) | undefined

  constructor(options: SettingsReloadOptions) {
    this.#options = options
    this.#inForce = options.loaded
    this.#read = this.#stamp()
    this.#found = this.#read
  }

  /** Lists the secrets and keys of the settings in force that end at a known time. */
  expiries(): readonly Expiry[] {
    return settingsExpiries(this.#inForce)
  }

  /** The settings in force: those of the last accepted reload, or of the start. */
  get inForce(): LoadedSettings {
    return this.#inForce
  }

  /** Sources (files and variables) of the keys in force. */
  get keySources(): LoadedSettings['keySources'] {
    return this.#inForce.keySources
  }

  /** Starts to watch the key files for changes. */
  watch(): void {
    this.#endWatching = this.#task.repeat(POLL_MS, () => this.poll())
  }

  /** Checks the key files of the settings for a change, and reads them when two checks find the same change. */
  poll(): Promise<void> {
    const stamp = this.#stamp()
    const isStable = stamp === this.#found
    this.#found = stamp
    const isRetry = this.#rejected !== undefined && performance.now() - this.#rejected.triedMs >= RETRY_MS
    if (!isStable || (stamp === this.#read && !isRetry)) return Promise.resolve()
    return this.#inTurn(() => this.#apply('keys', () => readSettingLayers(this.#inForce.layers, this.#inForce.sources)))
  }

  /**
   * Reads all settings of the running process again, as on SIGHUP.
   *
   * @returns false when the reload was rejected
   */
  async reload(): Promise<boolean> {
    let isAccepted = false
    await this.#inTurn(async () => {
      this.#rejected = undefined
      isAccepted = await this.#apply('settings', () => readSettingsAgain(this.#inForce.sources))
    })
    return isAccepted
  }

  /** Prevents further reloads of the settings, and waits for a reload in progress. */
  async close(): Promise<void> {
    this.#closed = true
    this.#endWatching?.()
    await this.#running
  }

  #inTurn(work: () => Promise<unknown>): Promise<void> {
    this.#running = this.#running.then(() => (this.#closed ? undefined : this.#task.attempt(work)))
    return this.#running
  }

  /**
   * Reads the keys, or all settings, again, and puts them into effect.
   *
   * @returns false when they were rejected
   */
  async #apply(what: 'keys' | 'settings', read: () => LoadedSettings): Promise<boolean> {
    const before = new Map(this.#inForce.keyFiles.map((file) => [file, stampOf(file)]))
    this.#read = [...before.values()].join('\n')
    this.#found = this.#read
    try {
      const next = read()
      // Use the stamps of the key files from before the read, so that a file that changed during the read is read
      // again. The reloaded settings may name other key files, which have no earlier stamp.
      const stamp = next.keyFiles.map((file) => before.get(file) ?? stampOf(file)).join('\n')
      const { commit, needRestart } = await this.#options.prepare(next)
      commit()
      this.#logChanges(what, next, needRestart)
      this.#inForce = next
      this.#rejected = undefined
      this.#read = stamp
      this.#found = stamp
      return true
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      const problem = JSON.stringify(error.problems)
      if (problem !== this.#rejected?.problem) {
        const message = `${what} rejected; the ${what} in force stay active`
        this.#options.log('error', message, { problems: error.problems })
      }
      this.#rejected = what === 'keys' ? { problem, triedMs: performance.now() } : undefined
      return false
    }
  }

  #logChanges(what: 'keys' | 'settings', next: LoadedSettings, needRestart: readonly string[]): void {
    const { live, restart } = changedSettings(this.#inForce.document, next.document)
    const ids = next.keySources.map(({ kind, id }) => `${kind}/${id}`)
    this.#options.log('info', `${what} reloaded`, { ...(what === 'settings' && { changed: live }), keys: ids })
    const settings = [...new Set([...restart, ...needRestart])]
    if (settings.length > 0)
      this.#options.log('warn', 'some changed settings take effect only after a restart', { settings })
  }

  #stamp(): string {
    return this.#inForce.keyFiles.map(stampOf).join('\n')
  }
}
