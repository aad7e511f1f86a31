/**
 * Runs the contenders of a comparison in alternating order (A B C, C B A, A B C …), so that other load on the machine
 * affects all contenders equally. Runs each contender once before the first round as a warm-up.
 *
 * @param contenders  functions that each run one round
 * @param onRound  called with the outcomes of each round
 */
export async function inTurns<Name extends string, Outcome>(
  contenders: Readonly<Record<Name, () => Promise<Outcome>>>,
  rounds: number,
  onRound: (round: number, outcomes: Readonly<Record<Name, Outcome>>) => void = () => undefined,
): Promise<Record<Name, Outcome[]>> {
  const names = Object.keys(contenders) as Name[]
  for (const name of names) await contenders[name]()
  const all = Object.fromEntries(names.map((name): [Name, Outcome[]] => [name, []])) as Record<Name, Outcome[]>
  for (let round = 1; round <= rounds; round++) {
    for (const name of round % 2 === 1 ? names : names.toReversed()) all[name].push(await contenders[name]())
    const last = names.map((name): [Name, Outcome] => [name, all[name].at(-1)!])
    onRound(round, Object.fromEntries(last) as Record<Name, Outcome>)
  }
  return all
}
