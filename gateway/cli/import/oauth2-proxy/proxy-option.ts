import type { Place } from '../../../config/problem.ts'

/** One option of oauth2-proxy, as it is in a file. */
export interface ProxyOption {
  /** Name of the option in the config file of oauth2-proxy, such as `email_domains`. */
  readonly key: string
  /** Values of the oauth2-proxy option as texts: one value, or all values of a list. */
  readonly values: readonly string[]
  readonly place: Place
  /** Path of the option in an alpha config of oauth2-proxy, for notes. Default: `key`. */
  readonly subject?: string
  /** Environment variable from which oauth2-proxy reads the option. A secret can stay in it. */
  readonly variable?: string
}

/** Returns the value of an oauth2-proxy option, or the first value of a list. */
export function firstValue({ values }: ProxyOption): string {
  return values[0] ?? ''
}

/**
 * Whether an oauth2-proxy option is on: `true`, `1` or `t`, also in quotes, as often in config files of oauth2-proxy.
 */
export function isOn(option: ProxyOption | undefined): boolean {
  return option !== undefined && /^(?:true|1|t)$/i.test(firstValue(option))
}
