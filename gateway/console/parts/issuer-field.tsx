import { useId } from 'react'
import { useOperation } from '../api/use-operation.ts'
import { useMay } from '../session.ts'

interface IssuerFieldProps {
  readonly value: string
  readonly isRequired?: boolean
}

/** Text field `issuer` of a form, which offers the names of the issuers in the policy. */
export function IssuerField({ value, isRequired = false }: IssuerFieldProps) {
  const list = useId()
  const names = useIssuerNames()
  return (
    <label>
      Issuer
      <input
        name="issuer"
        type="text"
        required={isRequired}
        defaultValue={value}
        placeholder={isRequired ? undefined : 'if the policy has several'}
        list={list}
        spellCheck={false}
      />
      <datalist id={list}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  )
}

/** Names of the issuers in the policy; none while they are unknown or the operator may not read them. */
export function useIssuerNames(): readonly string[] {
  const { document } = useOperation('show_status', {}, { enabled: useMay('show_status') })
  return document?.issuers.map(({ name }) => name) ?? []
}
