import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { type JsonObject, readJsonObject } from '../oauth/json.ts'
import { ApiProblem } from './api-problem.ts'

export const bodyMaxBytes = 64 * 1024

const json = /^application\/json(?:[ \t]*;[ \t]*charset=(?:"utf-8"|utf-8))?[ \t]*$/i

/**
 * Requires a JSON body. An HTML form of another site cannot send this content type without a CORS preflight.
 *
 * @throws {ApiProblem} 415
 */
export function requireJson(headers: IncomingHttpHeaders): void {
  if (json.test(headers['content-type'] ?? '') && headers['content-encoding'] === undefined) return
  const detail = 'the body must have the content type application/json and no content encoding'
  throw new ApiProblem('unsupported_media_type', detail)
}

/**
 * Reads a JSON object of at most `bodyMaxBytes`.
 *
 * @throws {ApiProblem} 400 or 413
 */
export async function readJsonBody(request: IncomingMessage): Promise<JsonObject> {
  const text = await readText(request)
  const value = readJsonObject(text)
  if (value === 'token-duplicate-member') throw new ApiProblem('invalid_request', 'the body has a duplicate member')
  if (typeof value === 'string') throw new ApiProblem('invalid_request', 'the body is not a JSON object')
  return value
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > bodyMaxBytes) throw tooLarge()
  // Reads the body by events: `for await` would close the connection when the loop ends early.
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bodyMaxBytes) chunks.push(chunk)
      else reject(tooLarge())
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

function tooLarge(): ApiProblem {
  return new ApiProblem('content_too_large', `the body is larger than ${bodyMaxBytes} bytes`, { close: true })
}
