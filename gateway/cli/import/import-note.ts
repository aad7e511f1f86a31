import { formatPath, type Place } from '../../config/problem.ts'

/**
 * Result for one part of an imported file. `decide`: the policy has a value that the file does not state exactly,
 * and a person must confirm it. `no equivalent`: the policy does not express the part.
 */
export type ImportOutcome = 'mapped' | 'not needed' | 'decide' | 'no equivalent'

/** Note about one part of an imported file: an option, an operation or a security scheme. Contains no secrets. */
export interface ImportNote extends Place {
  readonly outcome: ImportOutcome
  /** Name of the option, or the path of the part in the document. */
  readonly subject: string
  readonly message: string
}

/** A policy as plain data, with one note for each part of the file that it was made from. */
export interface ImportedPolicy {
  readonly policy: object
  readonly notes: readonly ImportNote[]
}

/** Formats a note in one line: `api.yaml:12:5: paths./orders.trace: no equivalent: message`. */
export function formatImportNote({ outcome, subject, message, file, line, column }: ImportNote): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  return `${place}: ${subject === '' ? '' : `${subject}: `}${outcome}: ${message}`
}

/** Makes the notes about parts of a YAML document. */
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
