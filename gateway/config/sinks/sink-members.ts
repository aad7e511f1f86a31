import { z } from 'zod'
import { secretReference } from '../secret.ts'
import { duration, parsedText, text } from '../text-schemas.ts'
import { isPrivate, readWebUrl } from '../web-url.ts'

// Settings that several kinds of audit sinks share.

export const restart = { reload: 'restart' } as const

export const webUrl = parsedText('an http or https URL', readWebUrl)

export const records = z
  .int()
  .min(1)
  .max(5000)
  .prefault(500)
  .describe('Maximum number of records in one request. Default 500, 1 to 5000. A request also has at most about 1 MiB.')
  .meta(restart)

export const timeout = duration({ min: '100ms', max: '5m' })
  .prefault('10s')
  .describe(
    'Maximum wait for a reply. After this time, the worker sends the request again later. Default 10s, 100ms to ' +
      '5m.',
  )
  .meta(restart)

const fieldValue = /^[\x21-\x7e]{1,128}$/

const auth = z
  .strictObject({
    token: secretReference
      .optional()
      .describe(
        'Token for the receiver, sent as `Authorization: Bearer …`, with `preset: splunk` as `Authorization: Splunk ' +
          '…`.',
      ),
    username: text('1 to 128 visible characters', fieldValue)
      .optional()
      .describe('User name for HTTP Basic authentication. Needs `password`.')
      .meta(restart),
    password: secretReference.optional().describe('Password of `username`.'),
    header: text('the name of a header field', /^[A-Za-z][A-Za-z0-9-]{0,63}$/)
      .optional()
      .describe('Name of a header field for the secret, such as `X-Api-Key`. Needs `value`.')
      .meta(restart),
    value: secretReference.optional().describe('Value of the header field `header`.'),
  })
  .refine((entry) => hasOneMethod(entry), {
    error: 'must be one of { token }, { username, password } and { header, value }',
  })

function hasOneMethod(entry: Readonly<Record<string, unknown>>): boolean {
  const given = Object.keys(entry)
    .filter((key) => entry[key] !== undefined)
    .sort()
    .join(' ')
  return given === 'token' || given === 'password username' || given === 'header value'
}

export const sinkTls = z
  .strictObject({
    ca: z
      .string()
      .min(1)
      .optional()
      .describe('File with the CA certificates for the receiver, in PEM. Default: the CA certificates of the system.')
      .meta({ reload: 'live' }),
    cert: z
      .string()
      .min(1)
      .optional()
      .describe('File with the client certificate of the worker, in PEM, if the receiver requires one. Needs `key`.')
      .meta({ reload: 'live' }),
    key: secretReference.optional().describe('Private key of `cert`, in PEM.'),
    server_name: text('a host name', /^[A-Za-z0-9._-]{1,253}$/)
      .optional()
      .describe('Name that the certificate of the receiver must have. Default: the host in `url` or `address`.')
      .meta(restart),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), { error: 'must have cert and key together' })
  .optional()
  .describe('CA certificates and client certificate for TLS. Paths are relative to the folder of the settings file.')

const insecureHttp = z
  .boolean()
  .prefault(false)
  .describe(
    'Allows plain http to another machine. Everyone on the network path can then read the records and the secret of ' +
      '`auth`. Default false.',
  )
  .meta(restart)

const gzip = z
  .boolean()
  .prefault(true)
  .describe('Whether requests are compressed with gzip. Default true.')
  .meta(restart)

/** Settings of every audit sink that sends HTTP requests. */
export const httpMembers = { auth: auth.optional(), tls: sinkTls, insecure_http: insecureHttp, gzip, records, timeout }

export type HttpMembers = z.output<z.ZodObject<typeof httpMembers>>
export type SinkAuth = z.output<typeof auth>
export type SinkTlsEntry = NonNullable<z.output<typeof sinkTls>>

/** Schema of `type` in the settings of an audit sink. */
export function sinkType<const Type extends string>(type: Type) {
  return z.literal(type).describe('Kind of the audit sink.')
}

interface HttpUrl {
  readonly url?: URL
  readonly insecure_http?: boolean
}

/** Adds a problem when an audit sink would use plain http to another machine, unless `insecure_http` allows it. */
export function requireSecureUrl({ url, insecure_http: allowed }: HttpUrl, context: z.RefinementCtx): void {
  if (url === undefined || allowed === true || isPrivate(url)) return
  const message = 'must be https, or http on loopback; insecure_http: true allows plain http'
  context.addIssue({ code: 'custom', path: ['url'], message })
}
