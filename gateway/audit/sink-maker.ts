import type { Problem } from '../config/problem.ts'
import type { SinkSettings } from '../config/read-sinks.ts'
import type { Secrets } from '../config/secrets.ts'
import type { Sink } from '../config/sinks/sink.ts'
import { openSink } from '../config/sinks/sink-kinds.ts'
import { SinkResources } from '../config/sinks/sink-resources.ts'
import { readSealLine } from './batch.ts'

type SinkLog = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

/** Builds sinks from their settings. Unreadable or invalid secrets and certificates are added to `problems`. */
export class SinkMaker {
  /** Problems found in the settings of audit sinks. @bound settings */
  readonly problems: Problem[] = []
  readonly #secrets: Secrets
  readonly #log: SinkLog
  /** Files and secrets of each audit sink, by the name of the sink. @bound settings */
  readonly #resources = new Map<string, SinkResources>()

  constructor(secrets: Secrets, log: SinkLog) {
    this.#secrets = secrets
    this.#log = log
  }

  make({ entry, ...origin }: SinkSettings): Sink {
    const resources = new SinkResources(origin, {
      secrets: this.#secrets,
      log: this.#log,
      problems: this.problems,
      isSealLine: (line) => readSealLine(line) !== undefined,
    })
    this.#resources.set(origin.name, resources)
    return openSink(entry, resources)
  }

  /** Follows the secrets and certificate files that reloaded settings name for the sinks that are open. */
  follow(sinks: readonly SinkSettings[]): void {
    for (const { name, entry, folder } of sinks) this.#resources.get(name)?.follow(entry, folder)
  }
}
