import type { Settings } from '../config/settings.ts'

/** Lists the security relaxations in the settings. Each entry names the key of the setting. */
export function settingsRelaxations({
  proxyProtocol,
  checkDpop,
}: Pick<Settings, 'proxyProtocol' | 'checkDpop'>): string[] {
  const found: string[] = []
  // The listener parses the PROXY frame before the gate's code runs and does not expose the frame. See
  // docs/guide/operating.md, "PROXY v2".
  if (proxyProtocol !== 'off') {
    found.push('proxy_protocol: required (safer: a balancer in HTTP mode that states the client in X-Forwarded-For)')
  }
  if (checkDpop === 'verify') found.push('check.dpop: verify')
  return found
}
