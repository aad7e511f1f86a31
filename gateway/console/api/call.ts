import { type AdminOperations, adminOperations } from './operations.ts'
import { CallError, type CallProblem } from './problem.ts'

export type OperationId = keyof AdminOperations

export type ReplyOf<Id extends OperationId> = AdminOperations[Id]['reply']

type Given<Id extends OperationId, Part extends 'query' | 'path' | 'body'> = AdminOperations[Id][Part] extends undefined
  ? { readonly [name in Part]?: undefined }
  : Part extends 'query'
    ? { readonly query?: AdminOperations[Id]['query'] }
    : { readonly [name in Part]: AdminOperations[Id][Part] }

/** Query, path parameters and body of a call of an operation of the admin API. */
export type InputOf<Id extends OperationId> = Given<Id, 'query'> & Given<Id, 'path'> & Given<Id, 'body'>

interface AnyInput {
  readonly query?: Readonly<Record<string, string | undefined>> | undefined
  readonly path?: Readonly<Record<string, string>> | undefined
  readonly body?: unknown
}

/** Without this field the node ignores the cookie of the session: pages of other sites cannot send the field. */
const consoleField = { 'x-gatehouse-console': '1' }

/**
 * Calls an operation of the admin API with the session of the console.
 *
 * @throws {CallError} when the node rejects the call; another error when the node does not reply
 */
export async function callOperation<Id extends OperationId>(
  id: Id,
  input: InputOf<Id>,
  signal?: AbortSignal,
): Promise<ReplyOf<Id>> {
  const reply = await requestOperation(id, input, signal)
  return (await reply.json()) as ReplyOf<Id>
}

/** Like `callOperation`, but returns the reply without reading its body, for event streams. */
export async function requestOperation<Id extends OperationId>(
  id: Id,
  input: InputOf<Id>,
  signal?: AbortSignal,
): Promise<Response> {
  const { method } = adminOperations[id]
  const { body } = input as AnyInput
  return request(operationUrl(id, input), {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    ...(signal && { signal }),
  })
}

/** Returns the path and query of a call of the admin API. */
export function operationUrl<Id extends OperationId>(id: Id, input: InputOf<Id>): string {
  const { query = {}, path = {} } = input as AnyInput
  const filled = adminOperations[id].path.replaceAll(/\{(\w+)\}/g, (_, name: string) => path[name]!)
  const set = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1])
  return set.length === 0 ? filled : `${filled}?${new URLSearchParams(set)}`
}

/**
 * Sends a request of the console to its node.
 *
 * @throws {CallError} when the status is not 2xx
 */
export async function request(url: string, init: RequestInit = {}): Promise<Response> {
  const reply = await fetch(url, { ...init, headers: { ...init.headers, ...consoleField } })
  if (reply.ok) return reply
  throw new CallError(await problemIn(reply))
}

async function problemIn(reply: Response): Promise<CallProblem> {
  const { status, statusText } = reply
  const text = await reply.text()
  try {
    const document = JSON.parse(text) as CallProblem
    if (typeof document.detail === 'string') return document
  } catch {
    // The reply is no problem document, for example a plain text by a proxy in front of the node.
  }
  return { status, title: statusText || `Status ${status}`, code: 'unexpected_reply', detail: text.slice(0, 200) }
}
