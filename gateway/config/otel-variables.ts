import { nowhere, type Problem, problem } from './problem.ts'
import type { Environment } from './secret.ts'
import { InvalidText } from './text-schemas.ts'
import { readWebUrl } from './web-url.ts'

export type Signal = 'traces' | 'metrics' | 'logs'

/**
 * Matches environment variables that the OpenTelemetry libraries read by themselves (exporters and resource detection),
 * for all signals or for one signal.
 */
const readElsewhere =
  /^OTEL_(?:SERVICE_NAME|RESOURCE_ATTRIBUTES|EXPORTER_OTLP_(?:(?:TRACES|METRICS|LOGS)_)?(?:HEADERS|TIMEOUT|COMPRESSION|CERTIFICATE|CLIENT_KEY|CLIENT_CERTIFICATE))$/
const readHere =
  /^OTEL_(?:SDK_DISABLED|PROPAGATORS|TRACES_SAMPLER|TRACES_SAMPLER_ARG|METRIC_EXPORT_INTERVAL|(?:TRACES|METRICS|LOGS)_EXPORTER|EXPORTER_OTLP_(?:(?:TRACES|METRICS|LOGS)_)?(?:ENDPOINT|PROTOCOL))$/

const protocol = 'http/protobuf'
const propagators = new Set(['tracecontext', 'baggage'])

/**
 * Reads the standard environment variables of OpenTelemetry that Gatehouse supports (OpenTelemetry Environment Variable
 * Specification). An empty variable counts as unset. An unsupported value is reported only where it would take effect.
 */
export class OtelVariables {
  readonly #env: Environment
  readonly #problems: Problem[]

  constructor(env: Environment, problems: Problem[]) {
    this.#env = env
    this.#problems = problems
  }

  /** Warnings about OpenTelemetry variables that are set but have no effect, one text for each variable. */
  get withoutEffect(): string[] {
    return Object.keys(this.#env)
      .filter((name) => name.startsWith('OTEL_') && this.#get(name) !== undefined)
      .filter((name) => !readHere.test(name) && !readElsewhere.test(name))
      .map(
        (name) => `Gatehouse ignores the variable ${name}: docs/guide/telemetry.md lists the supported OTEL_ variables`,
      )
  }

  get disabled(): boolean {
    return this.#get('OTEL_SDK_DISABLED')?.toLowerCase() === 'true'
  }

  get intervalMs(): number | undefined {
    const name = 'OTEL_METRIC_EXPORT_INTERVAL'
    const text = this.#get(name)
    if (text === undefined) return undefined
    if (/^[1-9][0-9]{2,7}$/.test(text)) return Number(text)
    this.#addProblem(name, 'must be a number of milliseconds, at least 100')
    return undefined
  }

  /**
   * Returns the OTLP endpoint of a signal (traces, metrics or logs); `undefined` when the signal is not exported.
   *
   * @param configured  endpoint in the settings; when set, it overrides the environment variables
   */
  endpoint(signal: Signal, configured: URL | undefined): string | undefined {
    const url = configured === undefined ? this.#endpoint(signal) : withSignalPath(configured, signal)
    if (url !== undefined) this.#requireProtocol(signal)
    return url
  }

  #endpoint(signal: Signal): string | undefined {
    const exporter = `OTEL_${signal.toUpperCase()}_EXPORTER`
    const chosen = this.#get(exporter) ?? 'otlp'
    if (chosen === 'none') return undefined
    if (chosen !== 'otlp') {
      this.#addProblem(exporter, 'must be otlp or none, the only supported exporters')
      return undefined
    }
    const own = this.#url(`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`)
    if (own !== undefined) return own.href
    const shared = this.#url('OTEL_EXPORTER_OTLP_ENDPOINT')
    return shared && `${shared.href.replace(/\/$/, '')}/v1/${signal}`
  }

  #url(name: string): URL | undefined {
    const text = this.#get(name)
    if (text === undefined) return undefined
    const url = readWebUrl(text)
    if (url instanceof URL) return url
    this.#addProblem(name, url instanceof InvalidText ? url.message : 'must be an http or https URL')
    return undefined
  }

  #requireProtocol(signal: Signal): void {
    const names = [`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_PROTOCOL`, 'OTEL_EXPORTER_OTLP_PROTOCOL']
    const name = names.find((each) => this.#get(each) !== undefined)
    if (name === undefined || this.#get(name) === protocol) return
    this.#addProblem(
      name,
      `must be ${protocol}, the only supported protocol`,
      'OpenTelemetry collectors receive http/protobuf on port 4318: check the port of the endpoint too',
    )
  }

  /**
   * Returns how traces are sampled. With `parentBased` true, an exchange that belongs to a client's trace follows the
   * sampling decision of the client. `ratio` is the sampled fraction (0 to 1) of all other exchanges.
   *
   * @param otherwise  ratio when no variable sets one
   */
  sampling(otherwise: number): { readonly ratio: number; readonly parentBased: boolean } {
    const name = 'OTEL_TRACES_SAMPLER'
    const text = this.#get(name)
    const parentBased = text === undefined || text.startsWith('parentbased_')
    switch (text?.replace(/^parentbased_/, '')) {
      case undefined:
        return { ratio: otherwise, parentBased }
      case 'always_on':
        return { ratio: 1, parentBased }
      case 'always_off':
        return { ratio: 0, parentBased }
      case 'traceidratio':
        return { ratio: this.#ratio(), parentBased }
    }
    const message = 'must be always_on, always_off or traceidratio, each optionally with the prefix parentbased_'
    this.#addProblem(name, message)
    return { ratio: otherwise, parentBased }
  }

  #ratio(): number {
    const name = 'OTEL_TRACES_SAMPLER_ARG'
    const ratio = Number(this.#get(name) ?? 1)
    if (ratio >= 0 && ratio <= 1) return ratio
    this.#addProblem(name, 'must be a number from 0 to 1')
    return 1
  }

  requirePropagators(): void {
    const name = 'OTEL_PROPAGATORS'
    const listed = this.#get(name)?.split(',') ?? []
    if (listed.every((each) => propagators.has(each.trim()))) return
    const hint = 'to withhold the traces of clients from a service, set trust_trace: false in the policy'
    this.#addProblem(name, 'must be tracecontext,baggage or one of the two, the only supported propagators', hint)
  }

  #get(name: string): string | undefined {
    return (Object.hasOwn(this.#env, name) ? this.#env[name]?.trim() : undefined) || undefined
  }

  #addProblem(name: string, message: string, hint?: string): void {
    // Report the problem of an OpenTelemetry variable once: several signals (traces, metrics, logs) read the same
    // variable.
    if (this.#problems.some((known) => known.file === name && known.message === message)) return
    this.#problems.push(problem('GH_CONFIG_VALUE', message, [], { ...nowhere, file: name }, hint))
  }
}

/** Appends the signal's path, such as `/v1/traces`, to a URL without a path. */
function withSignalPath(url: URL, signal: Signal): string {
  return url.pathname === '/' ? new URL(`/v1/${signal}`, url).href : url.href
}
