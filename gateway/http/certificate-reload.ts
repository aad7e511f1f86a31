import { statSync } from 'node:fs'
import { Supervisor } from '../base/supervisor.ts'
import { type Certificate, readCertificate } from '../config/certificates.ts'
import { type ClientTls, trustWarnings } from '../config/client-tls-settings.ts'
import { readClientTrust } from '../config/read-client-trust.ts'
import type { ClientCertificates } from '../tokens/client-certificates.ts'
import type { ClientTrust } from '../x509/client-trust.ts'

/** Time between two checks of the files of `tls.client`, ms. */
const POLL_MS = 500

/** A listener of the data plane, as the reload uses it. */
interface TlsListener {
  /** @returns whether a certificate, key or CA changed */
  replaceCertificates(certificates: readonly Certificate[], clientTrust: ClientTrust | undefined): boolean
}

interface CertificateReloadDependencies {
  /** Certificates of the listener, empty for plain HTTP, and CAs of client certificates. */
  readonly settings: { readonly certificates: readonly Certificate[]; readonly clientTls: ClientTls | undefined }
  readonly listeners: readonly TlsListener[]
  readonly clientCertificates: ClientCertificates | undefined
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: Readonly<Record<string, unknown>>) => void
}

/**
 * Reads the certificates of the listener, the CAs of client certificates and their revocation lists again: all of them on
 * SIGHUP, and the files of `tls.client` when they change. Invalid files change nothing.
 */
export class CertificateReload {
  readonly #dependencies: CertificateReloadDependencies
  /** Certificates of the listener in force. */
  #certificates: readonly Certificate[]
  #clientTrust: ClientTrust | undefined
  #seen: string
  #handled: string
  readonly #endWatching: () => void

  constructor(dependencies: CertificateReloadDependencies) {
    const { certificates, clientTls } = dependencies.settings
    this.#dependencies = dependencies
    this.#certificates = certificates
    this.#clientTrust = clientTls?.trust
    this.#seen = this.#stamp()
    this.#handled = this.#seen
    this.#endWatching =
      clientTls === undefined ? () => {} : new Supervisor('client-ca-watch').repeat(POLL_MS, () => this.#poll())
  }

  /** Reads all files again. */
  reload(): void {
    if (this.#dependencies.settings.certificates.length > 0) this.#reloadCertificates()
    if (this.#dependencies.settings.clientTls !== undefined) this.#reloadClientTrust()
  }

  close(): void {
    this.#endWatching()
  }

  #reloadCertificates(): void {
    const { settings, log } = this.#dependencies
    try {
      const certificates = settings.certificates.map(readCertificate)
      const changed = this.#replace(certificates, this.#clientTrust)
      this.#certificates = certificates
      log('info', changed ? 'certificates read' : 'certificates unchanged', {
        names: certificates.flatMap(({ names }) => names),
      })
    } catch (error) {
      log('error', 'certificates rejected; the certificates in force stay active', {
        problem: (error as Error).message,
      })
    }
  }

  #replace(certificates: readonly Certificate[], trust: ClientTrust | undefined): boolean {
    const { listeners } = this.#dependencies
    return listeners.map((listener) => listener.replaceCertificates(certificates, trust)).includes(true)
  }

  /** A change is read at the second check that finds it, so that no file is read while it is written. */
  #poll(): void {
    const stamp = this.#stamp()
    const isSettled = stamp === this.#seen
    this.#seen = stamp
    if (isSettled && stamp !== this.#handled) this.#reloadClientTrust()
  }

  #reloadClientTrust(): void {
    const { settings, clientCertificates, log } = this.#dependencies
    this.#handled = this.#stamp()
    try {
      const trust = readClientTrust(settings.clientTls!.files)
      const changed = trust.fingerprint !== this.#clientTrust?.fingerprint
      if (changed) {
        if (this.#certificates.length > 0) this.#replace(this.#certificates, trust)
        clientCertificates!.trust = trust
        this.#clientTrust = trust
      }
      log('info', changed ? 'client CAs and revocation lists read' : 'client CAs and revocation lists unchanged', {
        cas: trust.cas.map(({ name }) => name),
        revocation_lists: trust.lists.length,
      })
      for (const warning of trustWarnings(trust, Date.now())) log('warn', warning)
    } catch (error) {
      log('error', 'client CAs or revocation lists rejected; those in force stay active', {
        problem: (error as Error).message,
      })
    }
  }

  /** Metadata of the files of `tls.client` as text, which changes when a file changes. */
  #stamp(): string {
    const { clientTls } = this.#dependencies.settings
    if (clientTls === undefined) return ''
    const { cas, crlFiles } = clientTls.files
    return [...cas.map(({ file }) => file), ...crlFiles].map(stampOf).join('\n')
  }
}

function stampOf(file: string): string {
  try {
    const { size, mtimeNs, ctimeNs, ino } = statSync(file, { bigint: true })
    return `${size} ${mtimeNs} ${ctimeNs} ${ino}`
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
