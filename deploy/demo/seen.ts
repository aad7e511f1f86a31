/** A request as it arrived at a service. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  /** In the order and the case of the wire. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

const kept = 500

/** The last requests that arrived at a service, oldest first. */
export class SeenRequests {
  readonly #requests: SeenRequest[] = []

  add(request: SeenRequest): void {
    this.#requests.push(request)
    if (this.#requests.length > kept) this.#requests.shift()
  }

  list(text: string): readonly SeenRequest[] {
    return this.#requests.filter(({ url }) => url.includes(text))
  }
}

/** Pairs what node:http lists flat, name after value. */
export function fieldsOf(rawHeaders: readonly string[]): readonly (readonly [name: string, value: string])[] {
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : []))
}
