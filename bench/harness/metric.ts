/**
 * Reads metrics of a node that have no labels.
 *
 * @throws {Error} when the node has no metric of such a name
 */
export async function scrapedMetrics<Name extends string>(
  adminPort: number,
  names: readonly Name[],
): Promise<Record<Name, number>> {
  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  const values = names.map((name): [Name, number] => {
    const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1]
    if (value === undefined) throw new Error(`the node has no metric ${name}`)
    return [name, Number(value)]
  })
  return Object.fromEntries(values) as Record<Name, number>
}
