import { z } from 'zod'
import { type Certificate, readCertificate } from './certificates.ts'
import { clientTlsSettings, readClientTls } from './client-tls-settings.ts'
import { filePath } from './file-path.ts'
import { addProblem, type SettingsContext } from './settings-context.ts'

/** Time before the expiry of a certificate from which a warning is logged, ms: 14 days. */
const soonMs = 14 * 24 * 60 * 60 * 1000

const certificateEntry = z.strictObject({
  cert: filePath
    .describe('Certificate chain in PEM, the server certificate first. Relative to the folder of the settings file.')
    .meta({ reload: 'live' }),
  key: z
    .strictObject({
      file: filePath
        .describe(
          'Private key of the certificate in PEM, without a passphrase. It must be a file, because the listener itself ' +
            'reads it.',
        )
        .meta({ reload: 'live' }),
    })
    .meta({ secret: true }),
})

/**
 * Schema of the settings `tls`: certificates of the data plane, and the CAs of client certificates. Validation reads
 * each certificate, and checks that its private key belongs to it.
 */
export const tlsSettings = (context: SettingsContext) =>
  z
    .strictObject({
      certificates: z
        .array(certificateEntry)
        .min(1)
        .optional()
        .describe(
          'Certificates of the data plane, selected by server name (SNI). The first certificate also serves clients that ' +
            'send no name. Changed files are read within a second: new connections get the new certificates, and open ' +
            'connections stay open with the old certificates. A certificate without its key changes nothing. Required, except with `client` and `client_certificate`: a proxy then ' +
            'ends the TLS connections.',
        )
        .meta({ reload: 'restart' }),
      listen: z
        .boolean()
        .prefault(true)
        .describe(
          'Whether `listen` uses TLS. Default true. false: only `listen_h2` uses the certificates, and `listen` speaks ' +
            'plain HTTP, for example behind a balancer.',
        )
        .meta({ reload: 'restart' }),
      client: clientTlsSettings.optional(),
    })
    .transform(({ certificates, listen, client }, ctx) => ({
      listen,
      client: client && readClientTls(client, ctx, context),
      certificates: (certificates ?? []).flatMap(({ cert, key }, i) => {
        try {
          const read = readCertificate({ certFile: cert, keyFile: key.file })
          context.warnings.push(...validityWarnings(read, Date.now()))
          return [read]
        } catch (error) {
          const message = (error as Error).message
          addProblem(ctx, { code: 'GH_CONFIG_SECRET', message, path: ['certificates', i] })
          return []
        }
      }),
    }))

function validityWarnings({ certFile, validFromMs, validUntilMs }: Certificate, nowMs: number): string[] {
  const warnings =
    validFromMs > nowMs ? [`certificate ${certFile} is not valid yet: check the clock, or replace the certificate`] : []
  const leftMs = validUntilMs - nowMs
  if (leftMs < soonMs) {
    warnings.push(`certificate ${certFile} ${leftMs < 0 ? 'has expired' : 'expires within 14 days'}: replace its files`)
  }
  return warnings
}
