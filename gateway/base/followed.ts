import { Rotating } from './rotating.ts'

export interface FollowedSource<T> {
  /**
   * Returns the value at this moment; `undefined` while its parts do not fit together, for example a certificate and
   * its key.
   */
  read(): T | undefined
  /** Reads the files of the value again, at most once a second. */
  refresh(): void
}

/**
 * A value that a peer may refuse, made of parts that change while the process runs, such as a user name and a password.
 * The parts are read at each use. When the peer refuses a changed value, the previous value is presented.
 */
export class Followed<T extends object> {
  readonly #source: FollowedSource<T>
  readonly #rotating: Rotating<T>
  #read: string

  /** @param first  value to start with when the parts do not fit together yet */
  constructor(source: FollowedSource<T>, first: T, now?: () => number) {
    const value = source.read() ?? first
    this.#source = source
    this.#rotating = new Rotating(value, now)
    this.#read = JSON.stringify(value)
  }

  /**
   * The value to present to the peer at the next attempt. Pass the same object to {@link refused} if the peer refuses
   * it.
   */
  get presented(): T {
    this.#follow()
    return this.#rotating.presented
  }

  /**
   * Records that a peer refused the presented value. Reads the files again first, because the peer may already know a
   * newer value.
   *
   * @returns true when `presented` is now another value, so that the attempt can be repeated once
   */
  refused(value: T): boolean {
    this.#source.refresh()
    this.#follow()
    return this.#rotating.refused(value)
  }

  #follow(): void {
    const next = this.#source.read()
    const text = next && JSON.stringify(next)
    if (next === undefined || text === undefined || text === this.#read) return
    this.#rotating.replace(next)
    this.#read = text
  }
}
