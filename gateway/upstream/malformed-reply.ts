/** What a service said is not HTTP/1.1 to the letter. The message never quotes it: it may hold anything. */
export class MalformedReply extends Error {
  override readonly name = 'MalformedReply'
}
