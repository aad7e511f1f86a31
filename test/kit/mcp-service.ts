import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { z } from 'zod'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'

/**
 * Starts a real MCP server (streamable HTTP, with MCP sessions) with two tools: `add`, and `whoami`, which returns the
 * caller. The server stops after the last test of the file.
 *
 * @param caller  finds the caller by the identity assertion of the gate; throws when the assertion is invalid
 * @returns the URL of the server
 */
export async function startMcpService(caller: (assertion: string) => Promise<string>): Promise<string> {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  const server = createServer((request, response) => {
    void serve(sessions, caller, request, response).catch((error) => response.destroy(error as Error))
  })
  const port = await listen(server)
  atEnd(async () => {
    const closed = new Promise((done) => server.close(done))
    await Promise.all([...sessions.values()].map((session) => session.close()))
    server.closeAllConnections()
    await closed
  })
  return `http://127.0.0.1:${port}`
}

async function serve(
  sessions: Map<string, StreamableHTTPServerTransport>,
  caller: (assertion: string) => Promise<string>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const id = request.headers['mcp-session-id']
  const known = typeof id === 'string' ? sessions.get(id) : undefined
  if (known !== undefined) return known.handleRequest(request, response)
  const session = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (started) => void sessions.set(started, session),
    onsessionclosed: (ended) => void sessions.delete(ended),
  })
  await toolServer(caller).connect(session as Transport)
  await session.handleRequest(request, response)
}

function toolServer(caller: (assertion: string) => Promise<string>): McpServer {
  const server = new McpServer({ name: 'calculator', version: '1.0.0' })
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
  server.registerTool('add', { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => text(`${a + b}`))
  server.registerTool('whoami', {}, async ({ requestInfo }) =>
    text(await caller(String(requestInfo?.headers['x-gatehouse-jwt-assertion']))),
  )
  return server
}
