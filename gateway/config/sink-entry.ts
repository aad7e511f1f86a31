import { z } from 'zod'
import { secretReference } from './secret.ts'
import { duration, type InvalidText, parsedText, size, text } from './text-schemas.ts'
import { isPrivate, readWebUrl } from './web-url.ts'

const restart = { reload: 'restart' } as const

const webUrl = parsedText('an http or https URL', readWebUrl)

const records = z
  .int()
  .min(1)
  .max(5000)
  .prefault(500)
  .describe('Most records in one request. Default 500, 1 to 5000; a request also holds no more than about 1 MiB.')
  .meta(restart)

const timeout = duration({ min: '100ms', max: '5m' })
  .prefault('10s')
  .describe('Longest wait for an answer; then the request is made again later. Default 10s, 100ms to 5m.')
  .meta(restart)

const fieldValue = /^[\x21-\x7e]{1,128}$/

const auth = z
  .strictObject({
    token: secretReference
      .optional()
      .describe('Sent as `Authorization: Bearer …`; with `preset: splunk` as `Authorization: Splunk …`.'),
    username: text('1 to 128 visible characters', fieldValue)
      .optional()
      .describe('With `password`: HTTP Basic.')
      .meta(restart),
    password: secretReference.optional().describe('Of `username`.'),
    header: text('the name of a header field', /^[A-Za-z][A-Za-z0-9-]{0,63}$/)
      .optional()
      .describe('With `value`: a field of its own, such as `X-Api-Key`.')
      .meta(restart),
    value: secretReference.optional().describe('Of `header`.'),
  })
  .refine((entry) => isOneWay(entry), {
    error: 'must be one of { token }, { username, password } and { header, value }',
  })

function isOneWay(entry: Readonly<Record<string, unknown>>): boolean {
  const said = Object.keys(entry)
    .filter((key) => entry[key] !== undefined)
    .sort()
    .join(' ')
  return said === 'token' || said === 'password username' || said === 'header value'
}

const tls = z
  .strictObject({
    ca: z
      .string()
      .min(1)
      .optional()
      .describe('Certificates of the authorities that sign the receiver’s, in PEM. Default those of the system.')
      .meta(restart),
    cert: z
      .string()
      .min(1)
      .optional()
      .describe('Certificate of the worker, in PEM, where the receiver asks for one. Needs `key`.')
      .meta(restart),
    key: secretReference.optional().describe('Private key of `cert`, in PEM.'),
    server_name: text('a host name', /^[A-Za-z0-9._-]{1,253}$/)
      .optional()
      .describe('Name that the certificate of the receiver must have. Default the host that is connected to.')
      .meta(restart),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), { error: 'must have cert and key together' })
  .optional()
  .describe('Trust and proof of identity towards the receiver; paths relative to the folder of the settings file.')

const insecureHttp = z
  .boolean()
  .prefault(false)
  .describe(
    'Lets records, and what `auth` says, go over plain http to another machine, where whoever is on the way can read ' +
      'them. Default false.',
  )
  .meta(restart)

const gzip = z.boolean().prefault(true).describe('Compresses requests. Default true.').meta(restart)

const httpMembers = { auth: auth.optional(), tls, insecure_http: insecureHttp, gzip, records, timeout }

const fileSink = z
  .strictObject({
    type: z.literal('file').describe('What kind of receiver this is.'),
    path: z
      .string()
      .min(1)
      .describe(
        'The file, one JSON record a line, with the seals by which `gatehouse audit verify` judges it. Relative to the ' +
          'folder of the settings file; the folder is made if it is not there. Workers that share it must be on one machine.',
      )
      .meta(restart),
    max_size: size({ min: '64KiB', max: '1024GiB' })
      .prefault('256MiB')
      .describe('Before it would exceed that, the file is put aside under its time, and another begun. Default 256MiB.')
      .meta(restart),
    max_age: duration({ min: '1s', max: '3650d' })
      .prefault('1d')
      .describe('The same for its age. Default 1d. Files put aside are never deleted.')
      .meta(restart),
    compress: z
      .enum(['none', 'gzip', 'zstd'])
      .prefault('none')
      .describe('What becomes of files put aside. Default none.')
      .meta(restart),
  })
  .describe('`type: file`: rotating NDJSON, on disk before it counts as shipped.')

/** Receivers that `type: http` supports. */
export const httpPresets = ['ndjson', 'elasticsearch', 'opensearch', 'loki', 'splunk'] as const

const httpSink = z
  .strictObject({
    type: z.literal('http').describe('What kind of receiver this is.'),
    preset: z
      .enum(httpPresets, { error: `must be one of ${httpPresets.join(', ')}` })
      .prefault('ndjson')
      .describe(
        'ndjson (default): records, one a line, are posted to `url` itself. Otherwise `url` is the base: elasticsearch ' +
          'and opensearch (`/<index>/_bulk`), loki (`/loki/api/v1/push`), splunk (`/services/collector/event`).',
      )
      .meta(restart),
    url: webUrl
      .describe('Where to post. No redirect is followed, and link-local and cloud metadata addresses are refused.')
      .meta(restart),
    index: text('1 to 128 of a to z, digits, . _ and -', /^[a-z0-9][a-z0-9._-]{0,127}$/)
      .prefault('gatehouse-audit')
      .describe('Index or data stream of elasticsearch and opensearch. Default gatehouse-audit.')
      .meta(restart),
    ...httpMembers,
  })
  .superRefine((entry, context) => refuseOpenUrl(entry, context))
  .describe('`type: http`: NDJSON by POST, Elasticsearch, OpenSearch, Grafana Loki, Splunk HEC.')

const otlpSink = z
  .strictObject({
    type: z.literal('otlp').describe('What kind of receiver this is.'),
    url: webUrl
      .describe('Where the collector takes logs, whole: http://127.0.0.1:4318/v1/logs. As for `type: http`.')
      .meta(restart),
    ...httpMembers,
  })
  .superRefine((entry, context) => refuseOpenUrl(entry, context))
  .describe('`type: otlp`: an OpenTelemetry collector, by OTLP/HTTP in JSON.')

const hostForm = 'host:port or [address]:port'

const syslogSink = z
  .strictObject({
    type: z.literal('syslog').describe('What kind of receiver this is.'),
    address: parsedText(hostForm, readHostPort)
      .describe('Where the receiver listens, by TLS: host:port.')
      .meta(restart),
    tls,
    records,
    timeout,
    resend: z
      .int()
      .min(0)
      .max(50_000)
      .prefault(2000)
      .describe(
        'Records that are sent again after a connection that broke, and at each start: syslog has no answers, so nobody ' +
          'knows which of the last have arrived. Default 2000, 0 to 50000.',
      )
      .meta(restart),
  })
  .describe('`type: syslog`: RFC 5424 over TLS (RFC 5425).')

function readHostPort(written: string): { readonly host: string; readonly port: number } | InvalidText | undefined {
  const url = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[1-9][0-9]{0,4}$/.test(written)
    ? readWebUrl(`https://${written}`)
    : undefined
  if (!(url instanceof URL)) return url
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 443) }
}

interface OpenUrl {
  readonly url?: URL
  readonly insecure_http?: boolean
}

function refuseOpenUrl({ url, insecure_http: allowed }: OpenUrl, context: z.RefinementCtx): void {
  if (url === undefined || allowed === true || isPrivate(url)) return
  const message = 'must be https, or http on loopback; insecure_http: true allows plain http'
  context.addIssue({ code: 'custom', path: ['url'], message })
}

/** An entry of `audit.sinks`: a destination to which records are shipped. */
export const sinkEntry = z.discriminatedUnion('type', [fileSink, httpSink, otlpSink, syslogSink], {
  error: (issue) => (issue.code === 'invalid_union' ? 'must be one of file, http, otlp, syslog' : undefined),
})

export type SinkEntry = z.output<typeof sinkEntry>
export type FileSinkEntry = Extract<SinkEntry, { type: 'file' }>
export type HttpSinkEntry = Extract<SinkEntry, { type: 'http' }>
export type OtlpSinkEntry = Extract<SinkEntry, { type: 'otlp' }>
export type SyslogSinkEntry = Extract<SinkEntry, { type: 'syslog' }>
