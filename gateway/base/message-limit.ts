/** A limit of the WebSocket messages that the clients of one subject send to one node. */
export interface MessageLimit {
  /** Name of the WebSocket message limit in logs, such as `route/live/chatter`. */
  readonly label: string
  /** Maximum number of WebSocket messages in any interval of length `windowMs`. */
  readonly messages: number
  readonly windowMs: number
}
