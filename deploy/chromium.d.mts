/** How to start it: `env` is what its libraries and fonts need. */
interface Chromium {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

/** @throws {Error} when there is none; the message says what to type */
export function findChromium(): Chromium
export function unpackedChromium(root?: string): Chromium | undefined
