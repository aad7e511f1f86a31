/** A request as a service received it. */
export interface ReceivedRequest {
  readonly method: string
  readonly url: string
  /** In the received order and case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

const kept = 500

/** The last 500 requests that a service received, oldest first. */
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

/** Converts the flat list of node:http, in which each name precedes its value, to pairs. */
export function fieldsOf(rawHeaders: readonly string[]): readonly (readonly [name: string, value: string])[] {
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : []))
}
