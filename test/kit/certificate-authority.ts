import { generate } from 'selfsigned'

/** A certificate and its private key, in PEM. */
export interface IssuedCertificate {
  readonly cert: string
  readonly key: string
}

interface Wanted {
  /** DNS names, URIs (with a colon) and IPv4 addresses for `subjectAltName`; the first one is also the common name. */
  readonly names: readonly string[]
  /** Extended key usage. Default: none, so that both sides may use the certificate. */
  readonly use?: 'clientAuth' | 'serverAuth'
  /** Start of the validity. Default: now. */
  readonly from?: Date
  /** End of the validity. Default: one year after `from`. */
  readonly until?: Date
}

/** A certificate authority for tests. */
export class CertificateAuthority {
  /** Certificate of the authority in PEM. */
  readonly cert: string
  readonly #key: string

  private constructor({ cert, key }: IssuedCertificate) {
    this.cert = cert
    this.#key = key
  }

  static async create(name: string, until?: Date): Promise<CertificateAuthority> {
    const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      algorithm: 'sha256',
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      ],
      ...(until && { notAfterDate: until }),
    })
    return new CertificateAuthority({ cert, key })
  }

  async issue({ names, use, from, until }: Wanted): Promise<IssuedCertificate> {
    const { cert, private: key } = await generate([{ name: 'commonName', value: names[0]! }], {
      keyType: 'ec',
      algorithm: 'sha256',
      ca: { key: this.#key, cert: this.cert },
      extensions: [
        { name: 'basicConstraints', cA: false },
        { name: 'subjectAltName', altNames: names.map(altName) },
        ...(use === undefined ? [] : [{ name: 'extKeyUsage' as const, [use]: true }]),
      ],
      ...(from && { notBeforeDate: from }),
      ...(until && { notAfterDate: until }),
    })
    return { cert, key }
  }
}

function altName(name: string) {
  if (/^[0-9.]+$/.test(name)) return { type: 7, ip: name } as const
  return { type: name.includes(':') ? 6 : 2, value: name } as const
}
