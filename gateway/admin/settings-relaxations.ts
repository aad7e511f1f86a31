import type { Settings } from '../config/settings.ts'

/** Lists the settings that weaken security. Each text begins with the key of the setting. */
export function settingsRelaxations({
  proxyProtocol,
  checkDpop,
}: Pick<Settings, 'proxyProtocol' | 'checkDpop'>): string[] {
  const found: string[] = []
  // The gate cannot check the PROXY header: the HTTP server parses it before the gate's code runs, and does not expose
  // it. See docs/guide/operating.md, "PROXY v2".
  if (proxyProtocol !== 'off') {
    found.push('proxy_protocol: required (safer: a balancer in HTTP mode that states the client in X-Forwarded-For)')
  }
  if (checkDpop === 'verify') found.push('check.dpop: verify')
  return found
}
