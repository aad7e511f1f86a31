import type { ImportOutcome } from '../import-note.ts'
import type { ProxyDraft } from './proxy-draft.ts'
import { firstValue, isOn, type ProxyOption } from './proxy-option.ts'

/** Result of one option, with the place in the policy or settings, the reason, or what to do. */
export type OptionTold = readonly [outcome: ImportOutcome, message: string]

/** Reads one option of oauth2-proxy into the draft. */
export type OptionRule = (option: ProxyOption, draft: ProxyDraft) => OptionTold

export const notNeeded =
  (why: string): OptionRule =>
  () => ['not needed', why]

export const noEquivalent =
  (todo: string): OptionRule =>
  () => ['no equivalent', todo]

/** Applies a rule only to the value true. */
export const ifOn =
  (rule: OptionRule): OptionRule =>
  (option, draft) =>
    isOn(option) ? rule(option, draft) : ['not needed', 'the option is off']

/** Applies a rule only to the value false. */
export const ifOff =
  (rule: OptionRule): OptionRule =>
  (option, draft) =>
    isOn(option) ? ['not needed', 'the gate does this always'] : rule(option, draft)

/** Writes the value to the draft. @param name  place for the note */
export const mapped =
  (name: string, write: (value: string, draft: ProxyDraft, option: ProxyOption) => void): OptionRule =>
  (option, draft) => {
    write(firstValue(option), draft, option)
    return ['mapped', name]
  }

/** Writes the value to the draft, and asks a person to confirm it. */
export const decided =
  (todo: string, write: (value: string, draft: ProxyDraft, option: ProxyOption) => void): OptionRule =>
  (option, draft) => {
    write(firstValue(option), draft, option)
    return ['decide', todo]
  }

/** Reference to a secret. A secret in a file of oauth2-proxy is never copied. */
export function secretOf({ variable }: ProxyOption, file: string): object {
  return variable === undefined ? { file } : { env: variable }
}
