import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Problem, problem } from '../../gateway/config/problem.ts'
import type { SinkSettings } from '../../gateway/config/read-sinks.ts'
import { type Environment, readSecret, type SecretReference } from '../../gateway/config/secret.ts'
import type { HttpSinkEntry, OtlpSinkEntry, SinkEntry } from '../../gateway/config/sink-entry.ts'
import { bulkFormat } from './bulk-format.ts'
import { FileSink } from './file-sink.ts'
import { SinkCall, type SinkTls } from './http-call.ts'
import type { HttpFormat } from './http-format.ts'
import { HttpSink } from './http-sink.ts'
import { lokiFormat } from './loki-format.ts'
import { ndjsonFormat } from './ndjson-format.ts'
import { otlpFormat } from './otlp-format.ts'
import type { Sink } from './sink.ts'
import { splunkFormat } from './splunk-format.ts'
import { SyslogSink } from './syslog-sink.ts'

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

  make(settings: SinkSettings): Sink {
    const { name, entry } = settings
    switch (entry.type) {
      case 'file':
        return new FileSink({
          path: resolve(settings.folder, entry.path),
          maxBytes: entry.max_size,
          maxAgeMs: entry.max_age,
          compress: entry.compress,
          complain: (reason) => this.#log('warn', 'a rotated file cannot be compressed', { sink: name, reason }),
        })
      case 'http':
      case 'otlp':
        return this.#httpSink(settings, entry)
      case 'syslog':
        return new SyslogSink({
          ...entry.address,
          tls: this.#tls(settings, entry.tls),
          timeoutMs: entry.timeout,
          resend: entry.resend,
        })
    }
  }

  #httpSink(settings: SinkSettings, entry: HttpSinkEntry | OtlpSinkEntry): HttpSink {
    const format = formatOf(entry)
    if (entry.insecure_http)
      this.#log('warn', 'insecure_http: audit records are sent unencrypted', { sink: settings.name })
    const { headers, secrets } = this.#auth(settings, entry.auth, format)
    const call = new SinkCall({
      url: format.url,
      headers,
      secrets,
      tls: this.#tls(settings, entry.tls),
      timeoutMs: entry.timeout,
    })
    return new HttpSink({ call, format, records: entry.records, gzip: entry.gzip })
  }

  #auth(
    settings: SinkSettings,
    auth: HttpSinkEntry['auth'],
    { tokenScheme }: HttpFormat,
  ): { headers: Record<string, string>; secrets: string[] } {
    if (auth?.token !== undefined) {
      const token = this.#secret(settings, auth.token, 'auth', 'token')
      return { headers: { authorization: `${tokenScheme} ${token}` }, secrets: [token] }
    }
    if (auth?.password !== undefined) {
      const password = this.#secret(settings, auth.password, 'auth', 'password')
      const pair = Buffer.from(`${auth.username}:${password}`).toString('base64')
      return { headers: { authorization: `Basic ${pair}` }, secrets: [password, pair] }
    }
    if (auth?.value === undefined) return { headers: {}, secrets: [] }
    const value = this.#secret(settings, auth.value, 'auth', 'value')
    return { headers: { [auth.header!.toLowerCase()]: value }, secrets: [value] }
  }

  #tls(settings: SinkSettings, tls: Extract<SinkEntry, { type: 'http' }>['tls']): SinkTls {
    return {
      ...(tls?.ca !== undefined && { ca: this.#pem(settings, tls.ca, 'ca') }),
      ...(tls?.cert !== undefined && { cert: this.#pem(settings, tls.cert, 'cert') }),
      ...(tls?.key !== undefined && { key: this.#secret(settings, tls.key, 'tls', 'key') }),
      ...(tls?.server_name !== undefined && { servername: tls.server_name }),
    }
  }

  #secret(settings: SinkSettings, reference: SecretReference, ...keys: string[]): string {
    const { secret, failure, warning } = readSecret(reference, this.#env, settings.folder)
    if (warning !== undefined) this.#log('warn', warning, { sink: settings.name })
    if (secret !== undefined && (keys[0] === 'tls' || /^[\x20-\x7e]+$/.test(secret))) return secret
    this.#complain(settings, failure ?? 'contains a character that is invalid in a header field', keys)
    return ''
  }

  #pem(settings: SinkSettings, file: string, key: string): string {
    const path = resolve(settings.folder, file)
    try {
      const pem = readFileSync(path, 'utf8')
      if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem
      this.#complain(settings, `${path} is not a PEM certificate`, ['tls', key])
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
      this.#complain(settings, `${path} cannot be read (${code})`, ['tls', key])
    }
    return ''
  }

  #complain({ name, place }: SinkSettings, message: string, keys: readonly string[]): void {
    this.problems.push(problem('GH_CONFIG_SECRET', message, ['audit', 'sinks', name, ...keys], place))
  }
}

function formatOf(entry: HttpSinkEntry | OtlpSinkEntry): HttpFormat {
  if (entry.type === 'otlp') return otlpFormat(entry.url)
  switch (entry.preset) {
    case 'ndjson':
      return ndjsonFormat(entry.url)
    case 'elasticsearch':
    case 'opensearch':
      return bulkFormat(entry.url, entry.index)
    case 'loki':
      return lokiFormat(entry.url)
    case 'splunk':
      return splunkFormat(entry.url)
  }
}
