import { Supervisor } from '../base/supervisor.ts'
import { type Certificate, readCertificate } from '../config/certificates.ts'
import { type ClientTls, trustWarnings } from '../config/client-tls-settings.ts'
import { readClientTrust } from '../config/read-client-trust.ts'
import { SettledFiles } from '../config/settled-files.ts'
import type { ClientCertificates } from '../tokens/client-certificates.ts'
import type { ClientTrust } from '../x509/client-trust.ts'

/** Time between two checks of the files of `tls`, ms. */
const POLL_MS = 500

/** A listener of the data plane, as the reload of certificates uses it. */
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

/** Reason for reading the certificate files again: SIGHUP, or a changed file. */
type Trigger = 'reload' | 'watch'

/**
 * Reads the certificates of the listener, the CAs of client certificates and their revocation lists again: on SIGHUP, and
 * when their files change. Invalid files change nothing.
 */
export class CertificateReload {
  readonly #dependencies: CertificateReloadDependencies
  /** Certificates that the listener uses now. */
  #certificates: readonly Certificate[]
  #clientTrust: ClientTrust | undefined
  readonly #certificateFiles: SettledFiles
  readonly #clientFiles: SettledFiles
  /** Problem of the last read of changed certificate files, which the next check reads again. */
  #problem: { readonly text: string; readonly isLogged: boolean } | undefined
  readonly #endWatching: () => void

  constructor(dependencies: CertificateReloadDependencies) {
    const { certificates, clientTls } = dependencies.settings
    this.#dependencies = dependencies
    this.#certificates = certificates
    this.#clientTrust = clientTls?.trust
    this.#certificateFiles = new SettledFiles(certificates.flatMap(({ certFile, keyFile }) => [certFile, keyFile]))
    const { cas, crlFiles } = clientTls?.files ?? { cas: [], crlFiles: [] }
    this.#clientFiles = new SettledFiles([...cas.map(({ file }) => file), ...crlFiles])
    this.#endWatching = new Supervisor('certificate-watch').repeat(POLL_MS, () => this.poll())
  }

  /** Reads all certificate files of the listener and of client CAs again. */
  reload(): void {
    if (this.#dependencies.settings.certificates.length > 0) this.#reloadCertificates('reload')
    if (this.#dependencies.settings.clientTls !== undefined) this.#reloadClientTrust('reload')
  }

  /** Checks all certificate files for changes. A changed file is read at the second check that finds the change. */
  poll(): void {
    if (this.#certificateFiles.check() || this.#problem?.isLogged === false) this.#reloadCertificates('watch')
    if (this.#clientFiles.check()) this.#reloadClientTrust('watch')
  }

  close(): void {
    this.#endWatching()
  }

  #reloadCertificates(trigger: Trigger): void {
    const { settings, log } = this.#dependencies
    this.#certificateFiles.markRead()
    try {
      const certificates = settings.certificates.map(readCertificate)
      const changed = this.#replace(certificates, this.#clientTrust)
      this.#certificates = certificates
      this.#problem = undefined
      const names = certificates.flatMap(({ names }) => names)
      log('info', changed ? 'certificates reloaded' : 'certificates unchanged', { names, trigger })
    } catch (error) {
      this.#reject((error as Error).message, trigger)
    }
  }

  /**
   * Logs why certificate files are invalid. After a change, they are read once more before: a certificate and its key
   * are often replaced one after the other.
   */
  #reject(text: string, trigger: Trigger): void {
    const isLogged = trigger === 'reload' || this.#problem?.text === text
    this.#problem = { text, isLogged }
    if (!isLogged) return
    const message = 'certificates rejected; the certificates in force stay active'
    this.#dependencies.log('error', message, { problem: text, trigger })
  }

  #replace(certificates: readonly Certificate[], trust: ClientTrust | undefined): boolean {
    const { listeners } = this.#dependencies
    return listeners.map((listener) => listener.replaceCertificates(certificates, trust)).includes(true)
  }

  #reloadClientTrust(trigger: Trigger): void {
    const { settings, clientCertificates, log } = this.#dependencies
    this.#clientFiles.markRead()
    try {
      const trust = readClientTrust(settings.clientTls!.files)
      const changed = trust.fingerprint !== this.#clientTrust?.fingerprint
      if (changed) {
        if (this.#certificates.length > 0) this.#replace(this.#certificates, trust)
        clientCertificates!.trust = trust
        this.#clientTrust = trust
      }
      log('info', changed ? 'client CAs and revocation lists reloaded' : 'client CAs and revocation lists unchanged', {
        cas: trust.cas.map(({ name }) => name),
        revocation_lists: trust.lists.length,
        trigger,
      })
      for (const warning of trustWarnings(trust, Date.now())) log('warn', warning)
    } catch (error) {
      log('error', 'client CAs or revocation lists rejected; those in force stay active', {
        problem: (error as Error).message,
        trigger,
      })
    }
  }
}
