import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { type JsonObject, readJsonObject } from '../oauth/json.ts'
import { ApiProblem } from './api-problem.ts'

export const bodyMaxBytes = 64 * 1024

const json = /^application\/json(?:[ \t]*;[ \t]*charset=(?:"utf-8"|utf-8))?[ \t]*$/i

/**
 * Reads a JSON object. The content type must be JSON: an HTML form of another site cannot send it without a CORS
 * preflight.
 *
 * @throws {ApiProblem} 400, 413 or 415
 */
export async function readJsonBody(request: IncomingMessage): Promise<JsonObject> {
  const { headers } = request
  if (!json.test(headers['content-type'] ?? '') || headers['content-encoding'] !== undefined) {
    throw new ApiProblem(
      'unsupported_media_type',
      'the body must have the content type application/json and no content encoding',
    )
  }
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
  // `for await` would close the connection when the loop ends early.
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
