import type { Option } from './scenario.ts'

/** Options of several scenarios. */
export const connections: Option = { about: 'number of keep-alive connections', usual: 64 }

/**
 * Requests before the first round: within them the JavaScript engine compiles the hot path, and the node verifies every
 * token once.
 */
export const warm: Option = { about: 'requests to each contender before the first round', usual: 100_000, quick: 1000 }

export function rounds(usual: number, quick: number): Option {
  return { about: 'number of rounds; each contender has one turn per round', usual, quick }
}

export function seconds(usual: number, quick = 1): Option {
  return { about: 'length of one turn', usual, quick }
}

export function tokens(usual: number, quick = usual): Option {
  return { about: 'distinct tokens', usual, quick }
}
