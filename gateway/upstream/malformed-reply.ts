/**
 * Error: the reply of a service violates the HTTP/1.1 syntax. The message never quotes the reply, which can contain
 * secrets.
 */
export class MalformedReply extends Error {
  override readonly name = 'MalformedReply'
}
