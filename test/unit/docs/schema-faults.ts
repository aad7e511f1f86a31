import { Ajv, type ErrorObject } from 'ajv'
import type { JsonSchema } from '../../../gateway/config/json-schema.ts'

/** A strict validator: an unknown keyword is an error, because other validators would silently ignore it. */
const ajv = new Ajv({ allErrors: true, strictSchema: true })

/**
 * Validates a value against a JSON Schema of draft 7. An empty list means that the value is valid.
 *
 * @param root  the document with the definitions to which `schema` refers
 */
export function faultsIn(value: unknown, schema: JsonSchema, root: JsonSchema): string[] {
  const validate = ajv.compile(root.definitions === undefined ? schema : { ...schema, definitions: root.definitions })
  validate(value)
  return (validate.errors ?? []).map(faultText)
}

function faultText({ instancePath, message, params }: ErrorObject): string {
  const name: unknown = params['additionalProperty']
  return `${instancePath === '' ? '/' : instancePath}: ${message}${typeof name === 'string' ? ` (${name})` : ''}`
}
