import type { Option } from './scenario.ts'

/** Options that several scenarios have. */
export const connections: Option = { about: 'kept connections', usual: 64 }

/** Until the engine has compiled what is hot, and every token has been verified once. */
export const warm: Option = { about: 'seconds of load before the first round', usual: 3, quick: 1 }

export function rounds(usual: number, quick: number): Option {
  return { about: 'rounds, in each of which every contender has one turn', usual, quick }
}

export function seconds(usual: number, quick = 1): Option {
  return { about: 'length of one turn', usual, quick }
}

export function tokens(usual: number, quick = usual): Option {
  return { about: 'distinct tokens', usual, quick }
}
