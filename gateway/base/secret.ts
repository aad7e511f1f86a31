/**
 * A secret whose value can change while the process runs. Read a value when it is needed, and do not keep it. No value
 * appears in JSON, in `util.inspect` or in an error.
 */
export interface Secret {
  /** The newest valid value of the secret. */
  readonly current: string
  /**
   * The value before the last change, while the overlap lasts. A peer that authenticates to the gate may use `current`
   * or `previous`.
   */
  readonly previous: string | undefined
  /**
   * The value of the secret that the gate presents to a peer: `current`, or for 30 s after its refusal the value before
   * it.
   */
  readonly presented: string
  /**
   * Records that a peer refused the secret `value`. Reads the source again first, at most once a second, because the
   * peer may already know a newer value.
   *
   * @returns true when `presented` is now another value, so that the call can be repeated once
   */
  refused(value: string): boolean
  /** Reads the file or environment variable of the secret again, at most once a second. */
  refresh(): void
  /** Calls `listener` after each change of `current`. */
  changed(listener: () => void): void
  /** Stops watching the file of the secret, and removes the secret from the inventory. */
  close(): void
}

/** Location of a secret: an environment variable, or a file with an absolute path. */
export type SecretPlace = { readonly env: string } | { readonly file: string }

/** Names the location of a secret, for error messages. */
export function secretSource(place: SecretPlace): string {
  return 'env' in place ? `environment variable ${place.env}` : place.file
}
