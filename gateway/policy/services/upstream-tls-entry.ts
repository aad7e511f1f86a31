import { z } from 'zod'
import { secretReference } from '../../config/secret.ts'
import { text } from '../../config/text-schemas.ts'

const path = z.string().min(1).max(4096)
const dnsName =
  /^(?=.{1,253}$)(?!.*\.[0-9]+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/

/** Schema of `upstream_tls` of a service: the TLS connections of the gate to its upstreams. */
export const upstreamTlsEntry = z
  .strictObject({
    ca: path
      .optional()
      .describe(
        'File with the only certificate authorities that are trusted for this service, in PEM. Default: the ' +
          'authorities of Node.js and of NODE_EXTRA_CA_CERTS.',
      ),
    certificate: path
      .optional()
      .describe(
        'File with the client certificate of the gate for this service and its intermediate certificates, in PEM. ' +
          'Needs `key`. Default: none.',
      ),
    key: secretReference.optional().describe('Private key of `certificate`, in PEM without a passphrase.'),
    server_name: text('a DNS name in lower case, such as orders.internal', dnsName)
      .optional()
      .describe(
        'Name that the gate sends to the upstreams (SNI) and that their certificates must be valid for. Default: the ' +
          'host of each upstream. There is no setting that accepts any name.',
      ),
    min_version: z
      .enum(['1.2', '1.3'], { error: 'must be 1.2 or 1.3, in quotes' })
      .prefault('1.2')
      .describe('Lowest TLS version, as text: "1.2" (default) or "1.3".'),
  })
  .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
    error: 'must have both certificate and key, or neither',
  })

export type UpstreamTlsEntry = z.output<typeof upstreamTlsEntry>
