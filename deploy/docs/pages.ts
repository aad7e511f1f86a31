import { jsonSchema } from '../../gateway/config/json-schema.ts'
import { configurationPage } from './configuration-page.ts'
import { errorsPage } from './errors-page.ts'
import { reasonsPage } from './reasons-page.ts'

/** All that is written from the sources: texts by their path under docs/. The same each time. */
export async function pages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['configuration.md', configurationPage()],
    ['errors.md', await errorsPage()],
    ['reasons.md', reasonsPage()],
    ['schema/gatehouse.schema.json', json(jsonSchema('settings'))],
    ['schema/policy.schema.json', json(jsonSchema('policy'))],
  ])
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
