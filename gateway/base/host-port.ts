/**
 * Formats a listen address. An IPv6 host is written in brackets. Without a host, the text is only the port, as in
 * `:8080`.
 */
export function hostPort(host: string | undefined, port: number): string {
  if (host === undefined) return `:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
