import { useState } from 'react'

/** The command of the command line that shows the same as the view, to copy. */
export function CliTwin({ command }: { readonly command: string }) {
  const [copied, setCopied] = useState<string>()
  const copy = async () => {
    await navigator.clipboard.writeText(command)
    setCopied(command)
  }
  return (
    <div className="cli-twin">
      <code title="The same on the command line">{command}</code>
      <button type="button" className="button small" onClick={() => void copy()}>
        {copied === command ? 'Copied' : 'Copy'}
      </button>
    </div>
  )
}
