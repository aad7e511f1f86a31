/**
 * Matches an e-mail address that every program splits into the same parts: exactly one `@`, no blanks, control
 * characters, quotes, comments or lists. Quoted local parts (`"a@b"@c`) are rejected.
 */
const plainAddress = /^[^\s\p{C}"(),:;<>@[\\\]]{1,256}@[^\s\p{C}"(),:;<>@[\\\]]{1,256}$/u

/**
 * Returns an e-mail address with its ASCII letters in lower case; `undefined` for a value that is not a plain address.
 * Letters outside ASCII stay as they are, because folding could make two addresses equal (K, U+212A, becomes k).
 */
export function foldedAddress(value: unknown): string | undefined {
  return typeof value === 'string' && plainAddress.test(value) ? asciiLower(value) : undefined
}

/** Converts ASCII letters to lower case. Allocates nothing if there is no upper-case letter. */
export function asciiLower(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text
}
