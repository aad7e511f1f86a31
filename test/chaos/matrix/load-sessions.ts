import { HttpBrowser } from '../../kit/http-browser.ts'
import type { ChaosWorld } from './world.ts'

/** Logs a browser in at the first node. @returns the field `Cookie` of the session */
export async function openSession(world: ChaosWorld): Promise<string> {
  const url = `http://127.0.0.1:${world.nodes[0]!.clients.port}`
  const browser = new HttpBrowser()
  const start = await browser.visit(`${url}/.gatehouse/login?return_to=/app/`, { redirects: 0 })
  const location = start.field('location')
  if (location === undefined) throw new Error(`the login does not start: ${start.status} ${start.body}`)
  const asked = new URL(location)
  const [state, nonce] = ['state', 'nonce'].map((name) => asked.searchParams.get(name) ?? '')
  const reply = new URLSearchParams({ code: `code-for.${nonce}`, state: state!, iss: asked.origin })
  const end = await browser.visit(`${url}/.gatehouse/callback?${reply}`, { redirects: 0 })
  if (browser.session === undefined) throw new Error(`the login does not end: ${end.status} ${end.body}`)
  return `gatehouse-loopback=${browser.session}`
}
