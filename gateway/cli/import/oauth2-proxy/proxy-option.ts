import type { Place } from '../../../config/problem.ts'

/** One option of oauth2-proxy as a file states it. */
export interface ProxyOption {
  /** Name in the config file of oauth2-proxy, such as `email_domains`. */
  readonly key: string
  /** Values as texts: one value, or those of a list. */
  readonly values: readonly string[]
  readonly place: Place
  /** Path in an alpha config, for notes. Default: `key`. */
  readonly subject?: string
  /** Environment variable that states the option, so that a secret can stay there. */
  readonly variable?: string
}

/** Returns the only value of an option; of a list, the first value. */
export function firstValue({ values }: ProxyOption): string {
  return values[0] ?? ''
}

/** Whether an option is on. Config files of oauth2-proxy often have `"true"` in quotes. */
export function isOn(option: ProxyOption | undefined): boolean {
  return option !== undefined && /^(?:true|1|t)$/i.test(firstValue(option))
}
