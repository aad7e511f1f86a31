import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { type JsonObject, readJsonObject } from '../oauth/json.ts'
import { ApiProblem } from './api-problem.ts'

/** Maximum size of the request body of an admin API call, bytes, unless the operation sets another limit. */
export const bodyMaxBytes = 64 * 1024

/**
 * Maximum size of a request body that is too large but is read and discarded, bytes. Otherwise the reply closes the
 * connection, and a client that still sends gets a reset connection instead of the reply.
 */
const DISCARDED_MAX_BYTES = 16 * 1024 * 1024

const json = /^application\/json(?:[ \t]*;[ \t]*charset=(?:"utf-8"|utf-8))?[ \t]*$/i

/**
 * Requires that an admin API call has a JSON body. An HTML form of another site cannot send this content type, and a
 * script of another site needs a CORS preflight for it.
 *
 * @throws {ApiProblem} 415
 */
export function requireJson(headers: IncomingHttpHeaders): void {
  if (json.test(headers['content-type'] ?? '') && headers['content-encoding'] === undefined) return
  const detail = 'the body must have the content type application/json and no content encoding'
  throw new ApiProblem('unsupported_media_type', detail)
}

/**
 * Reads the request body of an admin API call, which must be a JSON object of at most `maxBytes`.
 *
 * @throws {ApiProblem} 400 or 413
 */
export async function readJsonBody(request: IncomingMessage, maxBytes = bodyMaxBytes): Promise<JsonObject> {
  const text = await readText(request, maxBytes)
  const value = readJsonObject(text)
  if (value === 'token-duplicate-member') throw new ApiProblem('invalid_request', 'the body has a duplicate member')
  if (typeof value === 'string') throw new ApiProblem('invalid_request', 'the body is not a JSON object')
  return value
}

async function readText(request: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > maxBytes) throw tooLarge(maxBytes, announced > DISCARDED_MAX_BYTES)
  // Read the request body by events: `for await` would close the connection when it ends before the end of the body.
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxBytes) chunks.push(chunk)
      else reject(tooLarge(maxBytes))
    })
    request.on('end', resolve)
    request.on('error', () =>
      reject(new ApiProblem('invalid_request', 'the connection ended before the body was complete')),
    )
  })
  const body = Buffer.concat(chunks)
  if (!isUtf8(body)) throw new ApiProblem('invalid_request', 'the body is not valid UTF-8')
  return body.toString()
}

/** @param close  close the connection instead of discarding the rest of the body */
function tooLarge(maxBytes: number, close = true): ApiProblem {
  return new ApiProblem('content_too_large', `the body is larger than ${maxBytes} bytes`, { close })
}
