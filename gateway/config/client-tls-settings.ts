import { z } from 'zod'
import type { ClientTrust } from '../x509/client-trust.ts'
import { isTrustDomain } from '../x509/spiffe-id.ts'
import { entryName } from './entry-name.ts'
import { filePath } from './file-path.ts'
import { type ClientTrustFiles, readClientTrust } from './read-client-trust.ts'
import { addProblem, type SettingsContext } from './settings-context.ts'
import { InvalidText, parsedText } from './text-schemas.ts'

const trustDomain = parsedText('a SPIFFE trust domain such as prod.example', (text) =>
  isTrustDomain(text) ? text : new InvalidText('must be a SPIFFE trust domain such as prod.example, in lower case'),
)

const caEntry = z.strictObject({
  name: entryName
    .describe('Name of the CA. The identity of a caller with a certificate of this CA has the issuer x509:NAME.')
    .meta({ reload: 'restart' }),
  file: filePath
    .describe(
      'Certificates of the CA in PEM: the root, and the intermediate CAs that issue client certificates. A client may ' +
        'also send its intermediate CAs; with several CAs or with `crl`, they must be in this file.',
    )
    .meta({ reload: 'live' }),
  trust_domain: trustDomain
    .optional()
    .describe(
      'SPIFFE trust domain for which this CA issues certificates. The identity of a caller with such a certificate has ' +
        'the issuer spiffe://TRUST_DOMAIN. Default none: SPIFFE IDs of this CA do not count as such.',
    )
    .meta({ reload: 'restart' }),
})

/**
 * CAs of client certificates. `trust`: their certificates and revocation lists as read at the start; `files`: the files
 * that a reload reads again.
 */
export interface ClientTls {
  readonly mode: 'optional' | 'required'
  readonly files: ClientTrustFiles
  readonly trust: ClientTrust
}

/** Schema of the settings `tls.client`. `readClientTls` reads the files. */
export const clientTlsSettings = z.strictObject({
  ca: z
    .array(caEntry)
    .min(1)
    .max(64)
    .describe(
      'CAs whose client certificates are accepted. A certificate of another CA ends the TLS handshake, also with ' +
        'mode: optional.',
    )
    .meta({ reload: 'restart' }),
  mode: z
    .enum(['optional', 'required'])
    .prefault('optional')
    .describe(
      'optional (default): clients may connect without a certificate. required: each request on a connection ' +
        "without a certificate is rejected with 403, those for the gate's own paths too.",
    )
    .meta({ reload: 'restart' }),
  crl: z
    .array(filePath)
    .max(64)
    .prefault([])
    .describe(
      'Files with revocation lists (RFC 5280 §5) in PEM or DER, each signed by a CA of `ca`, up to 16 MiB. Each ' +
        'request checks its certificate, also on open connections and resumed TLS sessions. With a list, each CA ' +
        'needs one; after its nextUpdate, requests with a certificate of that CA get 503. Default none.',
    )
    .meta({ reload: 'live' }),
})

/**
 * Reads the CAs and revocation lists of `tls.client`. The schema of `tls` calls this in its transform.
 * `clientTlsSettings` has no transform that reads files, because after a problem in it Zod would skip the transform of
 * `tls`, and the server certificates would not be checked.
 *
 * @returns `undefined` after a problem, which has been added to `ctx`
 */
export function readClientTls(
  { ca, mode, crl }: z.output<typeof clientTlsSettings>,
  ctx: z.RefinementCtx,
  { warnings }: SettingsContext,
): ClientTls | undefined {
  const cas = ca.map(({ name, file, trust_domain }) => ({ name, file, trustDomain: trust_domain }))
  const twin = cas.findIndex(({ name }, i) => cas.findIndex((other) => other.name === name) !== i)
  if (twin !== -1) {
    const message = `duplicate CA name ${cas[twin]!.name} in tls.client.ca`
    const hint = 'give each CA its own name'
    addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: ['client', 'ca', twin, 'name'], hint })
    return undefined
  }
  const files = { cas, crlFiles: crl }
  try {
    const trust = readClientTrust(files)
    warnings.push(...trustWarnings(trust, Date.now()))
    return { mode, files, trust }
  } catch (error) {
    addProblem(ctx, { code: 'GH_CONFIG_SECRET', message: (error as Error).message, path: ['client', 'ca'] })
    return undefined
  }
}

/** Warnings about CA certificates and revocation lists that are not valid now. */
export function trustWarnings({ cas, lists }: ClientTrust, nowMs: number): string[] {
  const expired = cas.flatMap(({ name, certificates }) =>
    certificates
      .filter(({ validToDate }) => validToDate.getTime() < nowMs)
      .map(
        ({ subject }) =>
          `a certificate of CA ${name} in tls.client.ca has expired; replace it: ${subject.replaceAll('\n', ', ')}`,
      ),
  )
  const outdated = lists
    .filter(({ nextUpdateMs }) => nextUpdateMs < nowMs)
    .map(
      ({ file }) =>
        `revocation list ${file} is outdated (nextUpdate); replace it: until then, requests with a certificate of its CA get 503`,
    )
  return [...expired, ...outdated]
}
