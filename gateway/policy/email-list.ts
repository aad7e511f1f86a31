import { readFileSync, statSync } from 'node:fs'
import { stampOf } from '../config/file-stamp.ts'
import { ConfigError, type DocumentPath, nowhere, problem } from '../config/problem.ts'
import { foldedAddress } from './email-address.ts'

/** Maximum size of a file with e-mail addresses, bytes: room for about 40,000 addresses. */
const MAX_BYTES = 1_048_576

/** Result of checking whether the file of an e-mail list has changed. */
export type ListChange =
  | { readonly kind: 'same' }
  | { readonly kind: 'changed'; readonly count: number }
  | { readonly kind: 'rejected'; readonly problem: string }

/**
 * A file of e-mail addresses, one per line. Blank lines and lines that begin with `#` are ignored. Changes of the file
 * are taken over. While the file is invalid, the last valid list stays in use.
 */
export class EmailList {
  readonly file: string
  readonly #path: DocumentPath
  #addresses: ReadonlySet<string> | undefined
  /** Metadata of the file at the last read; `#found`: metadata at the last check. */
  #read = ''
  #found = ''

  /**
   * @param file  absolute path
   * @param path  place of the file in the policy, for errors
   */
  constructor(file: string, path: DocumentPath) {
    this.file = file
    this.#path = path
  }

  /** Whether the list contains an e-mail address. @param address  must be folded by `foldedAddress` */
  has(address: string): boolean {
    if (this.#addresses === undefined) this.#load()
    return this.#addresses!.has(address)
  }

  /**
   * Reads the file of e-mail addresses if it has not been read yet. @throws {ConfigError} with the place of the file in
   * the policy
   */
  open(): void {
    const failure = this.#addresses === undefined ? this.#load() : undefined
    if (failure === undefined) return
    this.#addresses = undefined
    throw new ConfigError([problem('GH_CONFIG_VALUE', failure, this.#path, nowhere)])
  }

  /**
   * Checks the file of e-mail addresses, and reads it again when two consecutive checks find the same change: no
   * program is then still writing the file.
   */
  poll(): ListChange {
    const stamp = stampOf(this.file)
    if (stamp === this.#read || stamp !== this.#found) {
      this.#found = stamp
      return { kind: 'same' }
    }
    const before = this.#addresses
    const failure = this.#load()
    if (failure === undefined) return { kind: 'changed', count: this.#addresses!.size }
    this.#addresses = before
    return { kind: 'rejected', problem: failure }
  }

  /**
   * Reads the e-mail addresses from the file. After an error the list is empty, so no address meets the requirement.
   *
   * @returns a description of the error; `undefined` on success
   */
  #load(): string | undefined {
    this.#read = stampOf(this.file)
    this.#found = this.#read
    const addresses = readAddresses(this.file)
    this.#addresses = typeof addresses === 'string' ? new Set() : addresses
    return typeof addresses === 'string' ? addresses : undefined
  }
}

function readAddresses(file: string): ReadonlySet<string> | string {
  let text: string
  try {
    if (statSync(file).size > MAX_BYTES) return `${file} is larger than 1 MiB; split the list, or require a group`
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    return `${file} cannot be read (${code}); it must have one e-mail address per line`
  }
  const addresses = new Set<string>()
  for (const [i, line] of text.split('\n').entries()) {
    const entry = line.trim()
    if (entry === '' || entry.startsWith('#')) continue
    const address = foldedAddress(entry)
    if (address === undefined) return `line ${i + 1} of ${file} is not an e-mail address such as user@corp.example`
    addresses.add(address)
  }
  return addresses
}
