import { type FormEvent, type ReactNode, useEffect, useId, useRef } from 'react'
import type { InputOf, OperationId, ReplyOf } from '../api/call.ts'
import { useChange } from '../api/use-change.ts'
import { ProblemNotice } from './notices.tsx'

interface ConfirmedChangeProps<Id extends OperationId> {
  readonly operation: Id
  readonly title: string
  /** Text of the button of the dialog that makes the change. */
  readonly action: string
  /**
   * Returns the input of the call that makes the change. @param reason as written by the operator; `undefined` when
   * empty
   */
  readonly inputOf: (reason: string | undefined) => InputOf<Id>
  /** Whether the dialog asks for a reason. Default true. */
  readonly asksReason?: boolean
  /** Exact consequence of the change, shown in the dialog before the button. */
  readonly children: ReactNode
  readonly onDone: (reply: ReplyOf<Id>) => void
  readonly onClose: () => void
}

/**
 * Dialog that states the consequence of a change and makes the change when the operator confirms. It stays open with
 * the problem when the call fails. Escape and Cancel close it without a call.
 */
export function ConfirmedChange<Id extends OperationId>(props: ConfirmedChangeProps<Id>) {
  const { operation, title, action, inputOf, asksReason = true, children, onDone, onClose } = props
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  const change = useChange(operation)
  useEffect(() => dialog.current?.showModal(), [])

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const reason = String(new FormData(event.currentTarget).get('reason') ?? '').trim()
    const reply = await change.run(inputOf(reason === '' ? undefined : reason))
    if (reply === undefined) return
    onDone(reply)
    onClose()
  }
  return (
    <dialog ref={dialog} className="confirm" aria-labelledby={heading} onClose={onClose}>
      <form className="form" onSubmit={(event) => void submit(event)}>
        <h2 id={heading}>{title}</h2>
        <div className="consequence">{children}</div>
        {asksReason && (
          <label>
            Reason, for the log and the audit record
            <input name="reason" type="text" maxLength={200} pattern="[ -~]*" title="ASCII characters" />
          </label>
        )}
        {change.problem !== undefined && <ProblemNotice problem={change.problem} />}
        <p className="foot">
          <button type="button" className="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" className="button danger" disabled={change.isBusy}>
            {change.isBusy ? `${action} …` : action}
          </button>
        </p>
      </form>
    </dialog>
  )
}
