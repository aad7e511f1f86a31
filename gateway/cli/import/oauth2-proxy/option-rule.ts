import type { ImportOutcome } from '../import-note.ts'
import type { ProxyDraft } from './proxy-draft.ts'
import { firstValue, isOn, type ProxyOption } from './proxy-option.ts'

/**
 * Result of the import of one oauth2-proxy option. `message`: the place in the policy or settings, the reason, or what
 * the operator must do.
 */
export type OptionTold = readonly [outcome: ImportOutcome, message: string]

/** Imports one option of oauth2-proxy: writes its meaning to the draft of the policy and settings. */
export type OptionRule = (option: ProxyOption, draft: ProxyDraft) => OptionTold

export const notNeeded =
  (why: string): OptionRule =>
  () => ['not needed', why]

export const noEquivalent =
  (todo: string): OptionRule =>
  () => ['no equivalent', todo]

/** Returns a rule that applies `rule` only if the oauth2-proxy option is on; otherwise the note says "not needed". */
export const ifOn =
  (rule: OptionRule): OptionRule =>
  (option, draft) =>
    isOn(option) ? rule(option, draft) : ['not needed', 'the option is off']

/** Returns a rule that applies `rule` only if the oauth2-proxy option is off; otherwise the note says "not needed". */
export const ifOff =
  (rule: OptionRule): OptionRule =>
  (option, draft) =>
    isOn(option) ? ['not needed', 'the gate does this always'] : rule(option, draft)

/**
 * Returns a rule that writes the value of an oauth2-proxy option to the draft of the policy and settings.
 *
 * @param name  place in the policy or settings, for the note
 */
export const mapped =
  (name: string, write: (value: string, draft: ProxyDraft, option: ProxyOption) => void): OptionRule =>
  (option, draft) => {
    write(firstValue(option), draft, option)
    return ['mapped', name]
  }

/**
 * Returns a rule that writes the value of an oauth2-proxy option to the draft of the policy and settings, with a note
 * that asks a person to confirm it.
 */
export const decided =
  (todo: string, write: (value: string, draft: ProxyDraft, option: ProxyOption) => void): OptionRule =>
  (option, draft) => {
    write(firstValue(option), draft, option)
    return ['decide', todo]
  }

/**
 * Returns a reference to a secret: to its environment variable, or to a file in which the operator must store it. The
 * import never copies a secret.
 */
export function secretOf({ variable }: ProxyOption, file: string): object {
  return variable === undefined ? { file } : { env: variable }
}
