import { readSealLine } from '../gateway/audit/batch.ts'
import type { Problem } from '../gateway/config/problem.ts'
import type { SinkSettings } from '../gateway/config/read-sinks.ts'
import type { Environment } from '../gateway/config/secret.ts'
import type { Sink } from '../gateway/config/sinks/sink.ts'
import { openSink } from '../gateway/config/sinks/sink-kinds.ts'
import { SinkResources } from '../gateway/config/sinks/sink-resources.ts'

type SinkLog = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

/** Builds sinks from their settings. Unreadable or invalid secrets and certificates are added to `problems`. */
export class SinkMaker {
  readonly problems: Problem[] = []
  readonly #env: Environment
  readonly #log: SinkLog

  constructor(env: Environment, log: SinkLog) {
    this.#env = env
    this.#log = log
  }

  make({ entry, ...origin }: SinkSettings): Sink {
    const resources = new SinkResources(origin, {
      env: this.#env,
      log: this.#log,
      problems: this.problems,
      isSealLine: (line) => readSealLine(line) !== undefined,
    })
    return openSink(entry, resources)
  }
}
