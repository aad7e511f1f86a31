/** @throws {Error} when there is none; the message says what to type */
export function findChromium(): { readonly command: string; readonly env: Readonly<Record<string, string>> }
