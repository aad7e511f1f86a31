import type { X509Certificate } from 'node:crypto'
import { statSync } from 'node:fs'
import { readTlsMaterial, TlsFileError, type TlsMaterial } from './tls-material.ts'
import type { UpstreamTls } from './upstream-tls.ts'

/**
 * Minimum age of a file's change time, ms, to conclude that an equal change time means an unchanged file. If the file
 * is younger, two writes within one tick of the file system's clock can have the same time.
 */
const SETTLED_MS = 2000

/** Result of checking the files of a TLS source for changes. */
export type TlsRefresh =
  | { readonly outcome: 'unchanged' }
  /** The files have changed, and their new contents are in use. */
  | { readonly outcome: 'changed' }
  /** The new contents are unusable, and the previous contents stay in use. Reported once for each different error. */
  | { readonly outcome: 'rejected'; readonly error: TlsFileError }

const unchanged: TlsRefresh = { outcome: 'unchanged' }

/**
 * The files of one `upstream_tls`, with the material that was last read from them. Files are compared by size, times
 * and inode of the file that a link leads to, so that a swapped link of a folder is noticed too (`..data` in volumes of
 * Kubernetes).
 */
export class TlsSource {
  readonly #tls: UpstreamTls
  readonly #nowMs: () => number
  #current: TlsMaterial
  #seen: string | undefined
  /** Error of the last read of the files; `undefined` after a successful read. */
  #failure: { readonly error: TlsFileError; reported: boolean } | undefined

  /** Reads the files for the first time. @throws {TlsFileError} when a file is unusable */
  constructor(tls: UpstreamTls, nowMs: () => number = Date.now) {
    this.#tls = tls
    this.#nowMs = nowMs
    this.#seen = this.#stamp()
    this.#current = readTlsMaterial(tls)
  }

  get current(): TlsMaterial {
    return this.#current
  }

  /**
   * Reported error in the newest contents of the files, because of which the previous contents are in use; `undefined`
   * for none.
   */
  get problem(): TlsFileError | undefined {
    return this.#failure?.reported === true ? this.#failure.error : undefined
  }

  /**
   * Reads the files again if they have changed. A rotation often writes certificate and key one after the other, so an
   * error is reported only when the next check finds it too.
   *
   * @param now  true to read unchanged files too, and to report an error immediately
   */
  refresh(now = false): TlsRefresh {
    const stamp = this.#stamp()
    if (!now && stamp !== undefined && stamp === this.#seen) return unchanged
    try {
      const next = readTlsMaterial(this.#tls)
      this.#requireBetter(next)
      this.#seen = stamp
      this.#failure = undefined
      if (next.hash === this.#current.hash) return unchanged
      this.#current = next
      return { outcome: 'changed' }
    } catch (error) {
      if (!(error instanceof TlsFileError)) throw error
      // Discard the metadata, so that the next check reads the files again even if they have not changed.
      this.#seen = undefined
      return this.#rejected(error, now)
    }
  }

  #rejected(error: TlsFileError, now: boolean): TlsRefresh {
    const repeated = this.#failure?.error.message === error.message
    if (!repeated) this.#failure = { error, reported: false }
    const failure = this.#failure!
    if (!now && (failure.reported || !repeated)) return unchanged
    failure.reported = true
    return { outcome: 'rejected', error }
  }

  /** Refuses a new certificate that is not valid now, if the certificate in use is valid. @throws {TlsFileError} */
  #requireBetter({ certificate: next }: TlsMaterial): void {
    const { certificate: current } = this.#current
    if (next === undefined || current === undefined) return
    const nowMs = this.#nowMs()
    const fault = validityFault(next, nowMs)
    if (fault === undefined || validityFault(current, nowMs) !== undefined) return
    throw new TlsFileError('certificate', `${this.#tls.certFile} ${fault}`)
  }

  /**
   * Returns the metadata of the files, to detect changes. `undefined` when a file is so new that the metadata might not
   * show a later change.
   */
  #stamp(): string | undefined {
    const { caFile, certFile, key } = this.#tls
    const nowMs = this.#nowMs()
    let stamp = ''
    for (const file of [caFile, certFile, key && 'file' in key ? key.file : undefined]) {
      if (file === undefined) continue
      try {
        const { size, mtimeNs, ctimeNs, ctimeMs, ino } = statSync(file, { bigint: true })
        if (nowMs - Number(ctimeMs) < SETTLED_MS) return undefined
        stamp += `${size} ${mtimeNs} ${ctimeNs} ${ino};`
      } catch (error) {
        stamp += `${(error as NodeJS.ErrnoException).code};`
      }
    }
    return stamp
  }
}

/** Describes why a certificate is not valid now; `undefined` when it is valid. */
function validityFault({ validFromDate, validToDate }: X509Certificate, nowMs: number): string | undefined {
  if (validToDate.getTime() < nowMs) return `has expired (${validToDate.toISOString()})`
  if (validFromDate.getTime() > nowMs) return `is not valid before ${validFromDate.toISOString()}`
  return undefined
}
