import type { Secret } from '../../base/secret.ts'

/** Value of the `Authorization` field that one OTLP exporter sends. The value follows changes of its secret. */
export class ExportAuthorization {
  readonly #secret: () => Pick<Secret, 'presented' | 'refused'> | undefined
  #sent: string | undefined

  /** @param secret  returns the secret of the settings in force; `undefined` when they have none */
  constructor(secret: () => Pick<Secret, 'presented' | 'refused'> | undefined) {
    this.#secret = secret
  }

  /** Returns the header fields of the next request. The exporters call this for each request. */
  readonly headers = async (): Promise<Record<string, string>> => {
    this.#sent = this.#secret()?.presented
    return this.#sent === undefined ? {} : { authorization: this.#sent }
  }

  /**
   * Whether the receiver refused the value of the last request, and another value is known, so that the request can be
   * repeated once.
   *
   * @param error  error of the exporter, with the status of the receiver's reply as `code`
   */
  refused(error: unknown): boolean {
    const { code } = (error ?? {}) as { readonly code?: unknown }
    if ((code !== 401 && code !== 403) || this.#sent === undefined) return false
    return this.#secret()?.refused(this.#sent) === true
  }
}
