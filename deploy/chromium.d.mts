/** A program to start. `env` has the paths of its libraries and fonts. */
interface Chromium {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

/** @throws {Error} when no Chromium is found; the message names the command to install one */
export function findChromium(): Chromium
export function unpackedChromium(root?: string): Chromium | undefined
