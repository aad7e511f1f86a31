import { hostPort } from './host-port.ts'

interface Address {
  readonly host: string | undefined
  readonly port: number
}

/**
 * Error of a process that cannot listen on an address. The operator must correct the cause, so the error contains a
 * hint.
 */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly hint: string

  /** @param setting  name of the setting that contains the address */
  constructor(setting: string, { host, port }: Address, why: string, hint = remedyOf(setting)) {
    super(`${setting}: cannot listen on ${hostPort(host, port)}: ${why}`)
    this.hint = hint
  }

  /** @param cause  error of a node:net server */
  static of(setting: string, address: Address, { code = '', message }: NodeJS.ErrnoException): ListenError {
    return new ListenError(setting, address, reasons[code] ?? message)
  }
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this machine does not have the address',
  EACCES: 'this user lacks the permission',
  ENOTFOUND: 'the host name has no address',
}

function remedyOf(setting: string): string {
  const flag = setting === 'admin.listen' ? ' or with --admin' : ''
  return `stop the process that listens there, or set another address in ${setting}${flag}; each process needs its own`
}
