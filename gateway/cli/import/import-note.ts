import { formatPath, type Place } from '../../config/problem.ts'

/**
 * Result for one part of an imported file. `mapped`: the policy or the settings contain it. `not needed`: the gate does
 * not need it. `decide`: the policy has a value for it that a person must confirm. `no equivalent`: the policy cannot
 * express it.
 */
export type ImportOutcome = 'mapped' | 'not needed' | 'decide' | 'no equivalent'

/** Note about one part of an imported file: an option, an operation or a security scheme. Contains no secrets. */
export interface ImportNote extends Place {
  readonly outcome: ImportOutcome
  /** Name of the imported option, or path of the imported part in its document. */
  readonly subject: string
  readonly message: string
}

/**
 * Result of an import: a policy as plain data, and one note for each part of the file from which the policy was made.
 */
export interface ImportedPolicy {
  readonly policy: object
  readonly notes: readonly ImportNote[]
}

/** Formats an import note in one line: `api.yaml:12:5: paths./orders.trace: no equivalent: message`. */
export function formatImportNote({ outcome, subject, message, file, line, column }: ImportNote): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  return `${place}: ${subject === '' ? '' : `${subject}: `}${outcome}: ${message}`
}

/** Collects notes about parts of a YAML document, each with its position in the file. */
export class ImportNotes {
  readonly list: ImportNote[] = []
  readonly #locate: (path: readonly (string | number)[]) => Place

  constructor(locate: (path: readonly (string | number)[]) => Place) {
    this.#locate = locate
  }

  add(outcome: ImportOutcome, path: readonly (string | number)[], message: string): void {
    this.list.push({ outcome, subject: formatPath(path), message, ...this.#locate(path) })
  }
}
