/** A request as the demo service received it. */
export interface ReceivedRequest {
  readonly method: string
  readonly url: string
  /** Header fields in the order and case in which they arrived. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

const kept = 500

/** Keeps the last 500 requests that a demo service received, oldest first. */
export class ReceivedRequests {
  readonly #requests: ReceivedRequest[] = []

  add(request: ReceivedRequest): void {
    this.#requests.push(request)
    if (this.#requests.length > kept) this.#requests.shift()
  }

  list(text: string): readonly ReceivedRequest[] {
    return this.#requests.filter(({ url }) => url.includes(text))
  }
}

/** Converts header fields from the form of node:http (one flat list of names and values) to pairs of name and value. */
export function fieldsOf(rawHeaders: readonly string[]): readonly (readonly [name: string, value: string])[] {
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : []))
}
