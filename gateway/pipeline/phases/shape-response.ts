import type { FinalPhase } from '../phase.ts'

/**
 * Takes out of the service's reply what is for this hop alone or what the gate says itself, and puts in the request id.
 * Works on the bytes as they came; a name becomes text only when its length is that of a name that matters.
 */
export const shapeResponse: FinalPhase = {
  name: 'shape-response',
  run(x) {
    const head = x.replyHead!
    const { fields } = head
    const kept: (Buffer | string)[] = []
    const named = connectionNames(fields)
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!
      if (mayMatter(name.length) && isDropped(lower(name))) continue
      if (named?.has(lower(name))) continue
      kept.push(name, fields[i + 1]!)
    }
    kept.push('x-request-id', x.id)
    head.fields = kept
  },
}

/** Lengths of the names in `isDropped`, and everything as long as `x-gatehouse-` and longer. */
function mayMatter(length: number): boolean {
  return length >= 12 || length === 2 || length === 4 || length === 7 || length === 10
}

function isDropped(name: string): boolean {
  switch (name) {
    case 'te':
    case 'date':
    case 'trailer':
    case 'upgrade':
    case 'connection':
    case 'keep-alive':
    case 'x-request-id':
    case 'content-length':
    case 'proxy-connection':
    case 'transfer-encoding':
    case 'proxy-authenticate':
    case 'proxy-authentication-info':
      return true
    default:
      return name.startsWith('x-gatehouse-')
  }
}

/** RFC 9110 §7.6.1; `undefined` in the usual case that `Connection` names no field. */
function connectionNames(fields: readonly (Buffer | string)[]): Set<string> | undefined {
  let names: Set<string> | undefined
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.length !== 10 || lower(fields[i]!) !== 'connection') continue
    const value = lower(fields[i + 1]!)
    if (value === 'keep-alive' || value === 'close') continue
    for (const part of value.split(',')) {
      const name = part.trim()
      if (name === '' || name === 'close' || name === 'keep-alive') continue
      names ??= new Set()
      names.add(name)
    }
  }
  return names
}

function lower(text: Buffer | string): string {
  return (typeof text === 'string' ? text : text.toString('latin1')).toLowerCase()
}
