/** Formats a listen address. IPv6 hosts stand in brackets; without a host only the port is named, as in `:8080`. */
export function hostPort(host: string | undefined, port: number): string {
  if (host === undefined) return `:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
