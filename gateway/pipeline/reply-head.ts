/** The head of a service's reply on its way to the client. Name and value alternate; bytes as the service sent them. */
export interface ReplyHead {
  readonly status: number
  /** Reason phrase; visible ASCII, spaces and tabs. */
  readonly statusText: string
  fields: readonly (Buffer | string)[]
  /** Bytes of the body; `undefined` when it is chunked, ends with the connection, or cannot be. */
  readonly contentLength: number | undefined
}
