import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DemoNotRunning } from './grants.ts'
import { callHttp, type DemoReply } from './http-call.ts'
import { loopback, type Ports } from './ports.ts'
import { checkout, stateFolder } from './state.ts'

interface AdminCall {
  readonly port: number
  readonly method?: string
  readonly target: string
  readonly token?: string
  readonly document?: object
}

/** Calls the admin API of one node. */
export function callAdmin({ port, method = 'GET', target, token, document }: AdminCall): Promise<DemoReply> {
  const fields = {
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(document === undefined ? {} : { 'Content-Type': 'application/json' }),
  }
  const body = document === undefined ? {} : { body: Buffer.from(JSON.stringify(document)) }
  return callHttp({ port, method, target, fields, ...body })
}

export function documentOf(reply: DemoReply): Readonly<Record<string, unknown>> {
  return JSON.parse(reply.body.toString()) as Readonly<Record<string, unknown>>
}

/** Folder with the command `gatehouse`. */
export const commandFolder = join(checkout, 'bin')

/** Environment variables that give the command line the address of the demo's admin API and a token. */
export interface AdminEnvironment {
  readonly GATEHOUSE_ADMIN_URL: string
  readonly GATEHOUSE_ADMIN_TOKEN: string
}

/**
 * Returns the address of the first node's admin API, and the bootstrap token. @throws {DemoNotRunning} when the node
 * does not answer
 */
export async function adminEnvironment(ports: Ports): Promise<AdminEnvironment> {
  const [port] = ports.admin
  try {
    const token = readFileSync(join(stateFolder(ports), 'admin-token'), 'utf8').trim()
    const reply = await callAdmin({ port, target: '/status', token })
    if (reply.status !== 200) throw new Error(`status ${reply.status}`)
    return { GATEHOUSE_ADMIN_URL: loopback(port), GATEHOUSE_ADMIN_TOKEN: token }
  } catch (cause) {
    throw new DemoNotRunning(`the demo is not running: no node of it answers at ${loopback(port)}`, { cause })
  }
}
