import { hostname } from 'node:os'
import { z } from 'zod'
import { text } from './text-schemas.ts'

/** Schema of the settings `node`: identity of this node. */
export const nodeSettings = z
  .strictObject({
    id: text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/)
      .optional()
      .describe(
        'Name of the node in logs and in the cluster. It must be unique: a node exits when another running node has the ' +
          'same id. Default: host name and process id.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ id }) => ({ id: id ?? defaultNodeId() }))
  .prefault({})

function defaultNodeId(): string {
  return `${hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 48)}-${process.pid}`
}
