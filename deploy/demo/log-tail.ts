import { closeSync, openSync, readSync } from 'node:fs'

/**
 * Reads the lines that were appended to a file since the last call, without an incomplete last line. The file need not
 * exist yet.
 */
export class LogTail {
  readonly #path: string
  #position = 0
  #rest = ''

  constructor(path: string) {
    this.#path = path
  }

  /** Returns the new JSON lines as objects. Skips other lines, for example stack traces. */
  read(): readonly Readonly<Record<string, unknown>>[] {
    const lines = (this.#rest + this.#readNew()).split('\n')
    this.#rest = lines.pop() ?? ''
    return lines.flatMap((line) => {
      const value = parse(line)
      return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : []
    })
  }

  #readNew(): string {
    let fd: number
    try {
      fd = openSync(this.#path, 'r')
    } catch {
      return ''
    }
    try {
      const chunks: Buffer[] = []
      for (;;) {
        const chunk = Buffer.allocUnsafe(64 * 1024)
        const bytes = readSync(fd, chunk, 0, chunk.length, this.#position)
        if (bytes === 0) break
        this.#position += bytes
        chunks.push(chunk.subarray(0, bytes))
      }
      return Buffer.concat(chunks).toString('utf8')
    } finally {
      closeSync(fd)
    }
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
